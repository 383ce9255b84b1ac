const MOST = 500; // lines of text that are shown at once

// The text of a screen: all of it where somebody opens it, of a search what it finds.
class Text {
  constructor(screen) {
    this.screen = screen;
    this.root = Text.of(screen);
    this.list = this.root.querySelector("ol");
    this.hits = this.root.querySelector(".hits");
    this.lines = null;
    this.wanted = "";
    this.shown = 0;
    this.more = document.createElement("button");
    this.more.type = "button";
    this.more.textContent = "Show more";
    this.more.hidden = true;
    this.more.addEventListener("click", () => this.render());
    this.list.after(this.more);
    this.root.hidden = false;
    this.wasOpen = false;
    this.root.addEventListener("toggle", async () => {
      if (!this.root.open || this.shown || this.wanted) return;
      await this.load();
      this.start("");
    });
    this.list.addEventListener("click", (event) => {
      const button = event.target.closest(".at");
      if (button) screen.jump(Number(button.dataset.at), false);
    });
  }

  static of(screen) {
    return document.querySelector(`.transcript[data-of="${screen.root.dataset.cast}"]`);
  }

  async load() {
    if (this.lines) return;
    this.lines = await unpacked(`text-${this.screen.root.dataset.cast}`);
    this.lower = this.lines.map(([, , text]) => text.toLowerCase());
  }

  // Shows the lines with `wanted` in them, which is in lower case; gives how many there are.
  async search(wanted) {
    await this.load();
    if (!this.wanted) this.wasOpen = this.root.open;
    this.start(wanted);
    this.root.hidden = Boolean(wanted) && !this.found.length;
    this.root.open = wanted ? this.found.length > 0 : this.wasOpen;
    this.hits.textContent = wanted ? `, ${this.found.length.toLocaleString("en")} found` : "";
    return wanted ? this.found.length : 0;
  }

  start(wanted) {
    this.wanted = wanted;
    this.found = [];
    for (let i = 0; i < this.lines.length; i++) if (this.lower[i].includes(wanted)) this.found.push(i);
    this.list.textContent = "";
    this.shown = 0;
    if (wanted || this.root.open) this.render();
  }

  render() {
    const rows = this.found.slice(this.shown, this.shown + MOST).map((place) => this.row(place));
    this.list.append(...rows);
    this.shown += rows.length;
    this.more.hidden = this.shown >= this.found.length;
  }

  row(place) {
    const [at, kind, text] = this.lines[place];
    const row = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "at";
    button.dataset.at = at;
    button.textContent = this.screen.clock(at).slice(11, 23) || `${at / 1000} s`;
    const code = document.createElement("code");
    const start = this.wanted ? this.lower[place].indexOf(this.wanted) : -1;
    if (kind === "i") {
      const typed = document.createElement("span");
      typed.className = "typed";
      typed.textContent = "typed";
      code.append(typed, " ");
    }
    // Where lower case has another length than the text there is no telling which letters match.
    if (start >= 0 && text.length === this.lower[place].length) {
      const mark = document.createElement("mark");
      mark.textContent = text.slice(start, start + this.wanted.length);
      code.append(text.slice(0, start), mark, text.slice(start + this.wanted.length));
    } else {
      code.append(text);
    }
    row.append(button, code);
    return row;
  }
}

// The search box: filters commands, warnings and runs of probes, and shows what it finds in the text of screens.
class Find {
  constructor(texts) {
    this.texts = texts;
    this.found = element("found");
    this.pattern = element("pattern");
    this.rows = [...document.querySelectorAll(".commands li, .runs li, .remarks li")];
    this.sessions = [...document.querySelectorAll(".session")];
    this.lower = null;
    this.turn = 0;
    this.listen();
  }

  async filter() {
    const turn = ++this.turn;
    const wanted = this.pattern.value.toLowerCase();
    document.body.classList.toggle("searching", wanted !== "");
    const shown = this.filterRows(wanted);
    const count = (number, what) => `${number.toLocaleString("en")} ${what}`;
    let lines = 0;
    const withText = new Set();
    if (wanted || this.searched) {
      for (const text of this.texts) {
        const hits = await text.search(wanted);
        if (turn !== this.turn) return; // somebody has typed on
        if (hits) withText.add(text.screen.session);
        lines += hits;
      }
    }
    this.searched = wanted !== "";
    for (const session of this.sessions) {
      const told = session.querySelectorAll(":scope > h2, :scope > dl");
      const named = [...told].some((part) => part.textContent.toLowerCase().includes(wanted));
      const row = session.querySelector(".commands li:not([hidden]), .runs li:not([hidden])");
      session.hidden = !named && !row && !withText.has(session);
    }
    const text = `${count(lines, "line")}${lines === 1 ? "" : "s"} of text`;
    this.found.textContent = wanted ? `${count(shown, "of")} ${count(this.rows.length, "rows")}, ${text}` : "";
  }

  filterRows(wanted) {
    this.lower = this.lower || this.rows.map((row) => row.textContent.toLowerCase());
    let shown = 0;
    this.rows.forEach((row, i) => {
      row.hidden = !this.lower[i].includes(wanted);
      shown += !row.hidden;
    });
    document.querySelectorAll(".commands").forEach(measure);
    const remarks = document.querySelector(".remarks");
    if (remarks) remarks.hidden = !remarks.querySelector("li:not([hidden])");
    for (const runs of document.querySelectorAll("details.runs")) {
      if (wanted) runs.open = Boolean(runs.querySelector("li:not([hidden])"));
      runs.hidden = Boolean(wanted) && !runs.open;
    }
    return shown;
  }

  listen() {
    const form = element("search");
    form.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());
    this.pattern.addEventListener("input", () => this.filter());
    this.pattern.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      this.pattern.value = "";
      this.filter();
    });
    document.addEventListener("keydown", (event) => {
      const typing = event.target.closest && event.target.closest("input, .ap-wrapper");
      if (event.key !== "/" || typing || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      this.pattern.focus();
    });
  }
}

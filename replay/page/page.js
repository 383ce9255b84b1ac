
"use strict";
(() => {
  const PAUSE = 2000; // ms: the longest pause while pauses are shortened
  const TICK = 200; // ms
  const screens = new Map();
  const element = (id) => document.getElementById(id);
  const pauses = element("pauses");
  const keys = element("keys");

  // Times in a player are those of the recording less what its pauses were shortened by.
  function shortened(events, longest) {
    const real = [0];
    const played = [0];
    let shift = 0;
    let before = 0;
    for (const [time] of events) {
      const more = time - before - longest;
      if (more > 0) {
        shift += more;
        real.push(before + longest, time);
        played.push(before + longest - (shift - more), time - shift);
      }
      before = time;
    }
    real.push(before);
    played.push(before - shift);
    return { real, played };
  }

  // Where `value` of `from` lies in `to`, both ascending and linear between their points.
  function mapped(value, from, to) {
    let low = 0;
    let high = from.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (from[middle] <= value) low = middle;
      else high = middle - 1;
    }
    const span = low + 1 < from.length ? from[low + 1] - from[low] : 0;
    const part = span > 0 ? Math.min((value - from[low]) / span, 1) : 0;
    return low + 1 < to.length ? to[low] + part * (to[low + 1] - to[low]) : to[low];
  }

  async function unpacked(name) {
    const packed = atob(element(`cast-${name}`).textContent);
    const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).json();
  }

  class Screen {
    constructor(root) {
      this.root = root;
      this.session = root.closest(".session");
      this.place = root.querySelector(".player");
      this.elapsed = root.querySelector(".elapsed");
      this.strip = root.querySelector(".strip");
      this.now = root.querySelector(".now");
      this.duration = Number(this.strip.dataset.duration) || 1;
      this.list = this.session.querySelector(".commands");
      this.rows = [...this.session.querySelectorAll(".commands li")];
      this.times = this.rows.map((row) => Number(row.firstElementChild.dataset.at));
      this.current = null;
      this.player = null;
      this.place.firstElementChild.addEventListener("click", () => this.jump(0, true));
      this.strip.addEventListener("click", (event) => {
        const box = this.strip.getBoundingClientRect();
        this.jump(((event.clientX - box.left) / box.width) * this.duration, false);
      });
    }

    async make() {
      this.cast = this.cast || (await unpacked(this.root.dataset.cast));
      const longest = pauses.checked ? PAUSE : Infinity;
      const { real, played } = shortened(this.cast.events, longest);
      this.real = real;
      this.played = played;
      const header = { version: 2, width: this.cast.cols, height: this.cast.rows };
      const events = this.cast.events.map(([time, code, text]) => [mapped(time, real, played) / 1000, code, text]);
      if (this.player) this.player.dispose();
      this.place.textContent = "";
      this.session.classList.add("open");
      const options = { fit: "width", keystrokeOverlay: keys.checked, controls: true };
      this.player = AsciinemaPlayer.create({ data: [header, ...events] }, this.place, options);
      clearInterval(this.timer);
      this.timer = setInterval(() => this.tick(), TICK);
    }

    // Goes to `time`, ms of the recording; what is on the screen then was written up to that moment.
    async jump(time, play) {
      if (!this.player) await this.make();
      await this.player.seek(mapped(time, this.real, this.played) / 1000);
      if (play) await this.player.play();
      this.tick();
    }

    // Makes the player anew, with the options of now, at the same place.
    async again() {
      if (!this.player) return;
      const time = await this.time();
      await this.make();
      await this.jump(time, false);
    }

    async time() {
      return mapped((await this.player.getCurrentTime()) * 1000, this.played, this.real);
    }

    async tick() {
      const time = await this.time();
      this.now.setAttribute("d", `M${(time / this.duration) * 1000} 0v40`);
      const began = Number(BigInt(this.list ? this.list.dataset.began : 0) / 1000000n);
      const at = new Date(began + time);
      if (this.list && !isNaN(at)) this.elapsed.textContent = `${at.toISOString().slice(0, 19)}Z`;
      let last = null;
      for (let i = 0; i < this.times.length && this.times[i] <= time + 1; i++) last = this.rows[i];
      if (last === this.current) return;
      if (this.current) this.current.removeAttribute("aria-current");
      if (last) last.setAttribute("aria-current", "true");
      this.current = last;
    }
  }

  function jumps() {
    for (const root of document.querySelectorAll(".screen")) {
      const screen = new Screen(root);
      if (!screens.has(screen.session)) screens.set(screen.session, []);
      screens.get(screen.session).push(screen);
    }
    for (const list of document.querySelectorAll(".commands")) {
      const [screen] = screens.get(list.closest(".session")) || [];
      if (!screen) {
        for (const button of list.querySelectorAll(".at")) button.disabled = true;
        continue;
      }
      list.addEventListener("click", (event) => {
        const button = event.target.closest(".at");
        if (!button) return;
        screen.jump(Number(button.dataset.at), false);
        screen.root.scrollIntoView({ block: "nearest" });
      });
    }
    const again = () => [...screens.values()].flat().forEach((screen) => screen.again());
    pauses.addEventListener("change", again);
    keys.addEventListener("change", again);
  }

  function search() {
    const form = element("search");
    const pattern = element("pattern");
    const found = element("found");
    const rows = [...document.querySelectorAll(".commands li")];
    let texts = null;
    const count = (number) => number.toLocaleString("en");
    const filter = () => {
      texts = texts || rows.map((row) => row.textContent.toLowerCase());
      const wanted = pattern.value.toLowerCase();
      let shown = 0;
      rows.forEach((row, i) => {
        row.hidden = !texts[i].includes(wanted);
        shown += !row.hidden;
      });
      found.textContent = wanted ? `${count(shown)} of ${count(rows.length)} lines` : "";
    };
    form.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());
    pattern.addEventListener("input", filter);
    pattern.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      pattern.value = "";
      filter();
    });
    document.addEventListener("keydown", (event) => {
      const typing = event.target.closest && event.target.closest("input, .ap-wrapper");
      if (event.key !== "/" || typing || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      pattern.focus();
    });
  }

  jumps();
  search();
})();

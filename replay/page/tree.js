const ROW = 1.7; // rem: the height of a row in page.css

// Tells the browser how high each part of a list is, so that it need not lay out what is out of sight.
function measure(list) {
  const searching = document.body.classList.contains("searching");
  for (const part of list.querySelectorAll("ol")) {
    let shown = 0;
    for (const row of part.children) shown += !row.hidden && (searching || !row.classList.contains("away"));
    part.hidden = !shown;
    part.style.containIntrinsicBlockSize = shown < part.children.length ? `${shown * ROW}rem` : "";
  }
}

// The commands of a session: what a command has started can be folded away. Rows stay in order of time.
class Tree {
  constructor(list) {
    this.list = list;
    this.nodes = new Map();
    for (const row of list.querySelectorAll("li[data-n]")) {
      this.nodes.set(row, { row, parent: null, below: 0, button: null, folded: false, away: false });
    }
    const byNumber = new Map();
    for (const node of this.nodes.values()) byNumber.set(Number(node.row.dataset.n), node);
    // The number of what started a command is smaller than its own.
    this.ordered = [...byNumber.keys()].sort((a, b) => a - b).map((number) => byNumber.get(number));
    for (const node of this.ordered) {
      if (node.row.dataset.in) node.parent = byNumber.get(Number(node.row.dataset.in)) || null;
    }
    for (const node of [...this.ordered].reverse()) {
      if (node.parent) node.parent.below += node.below + 1;
      if (node.below) this.addButton(node);
    }
    list.addEventListener("keydown", (event) => this.key(event));
    this.addAll();
  }

  addButton(node) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "fold";
    button.dataset.below = node.below;
    button.setAttribute("aria-label", node.below === 1 ? "1 command below" : `${node.below} commands below`);
    button.setAttribute("aria-expanded", "true");
    button.addEventListener("click", () => this.fold([node], !node.folded));
    node.row.querySelector("code").prepend(button);
    node.button = button;
  }

  // A button for all of them; what a session began with stays open, unless there is nothing else to fold.
  addAll() {
    const parents = this.ordered.filter((node) => node.below);
    if (!parents.length) return;
    const inner = parents.filter((node) => node.parent);
    const all = document.createElement("button");
    all.type = "button";
    all.className = "foldall";
    all.textContent = "Fold all";
    all.addEventListener("click", () => {
      const folds = all.textContent === "Fold all";
      this.fold(folds && inner.length ? inner : parents, folds);
      all.textContent = folds ? "Unfold all" : "Fold all";
    });
    this.list.previousElementSibling.append(" ", all);
  }

  fold(nodes, folded) {
    for (const node of nodes) {
      node.folded = folded;
      node.button.setAttribute("aria-expanded", String(!folded));
    }
    for (const node of this.ordered) {
      const away = Boolean(node.parent) && (node.parent.folded || node.parent.away);
      if (away !== node.away) node.row.classList.toggle("away", (node.away = away));
    }
    measure(this.list);
  }

  // As in a file manager: left folds or goes up, right unfolds, up and down go from row to row.
  key(event) {
    const row = event.target.closest("li");
    if (!row || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const node = this.nodes.get(row);
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (step) this.focus(this.beside(row, step));
    else if (event.key === "ArrowLeft" && node && node.below && !node.folded) this.fold([node], true);
    else if (event.key === "ArrowLeft" && node && node.parent) this.focus(node.parent.row);
    else if (event.key === "ArrowRight" && node && node.folded) this.fold([node], false);
    else return;
    event.preventDefault();
  }

  beside(row, step) {
    const rows = [...this.list.querySelectorAll("li")];
    const searching = document.body.classList.contains("searching");
    const shown = (other) => !other.hidden && (searching || !other.classList.contains("away"));
    for (let i = rows.indexOf(row) + step; i >= 0 && i < rows.length; i += step) if (shown(rows[i])) return rows[i];
    return null;
  }

  focus(row) {
    if (!row) return;
    const place = row.querySelector(".at:enabled") || row.querySelector(".fold");
    if (place) place.focus();
    row.scrollIntoView({ block: "nearest" });
  }
}

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

jumps();
for (const list of document.querySelectorAll(".commands")) new Tree(list);
const withText = [...screens.values()].flat().filter((screen) => Text.of(screen));
new Find(withText.map((screen) => new Text(screen)));

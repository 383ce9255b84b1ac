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

async function unpacked(id) {
  const packed = atob(element(id).textContent);
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
    this.cast = this.cast || (await unpacked(`cast-${this.root.dataset.cast}`));
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

  // `time`, ms of the recording, as a time of day (RFC 3339); empty if no calendar has it.
  clock(time) {
    const at = new Date(Number(BigInt(this.root.dataset.began) / 1000000n) + time);
    return isNaN(at) ? "" : at.toISOString();
  }

  async tick() {
    const time = await this.time();
    this.now.setAttribute("d", `M${(time / this.duration) * 1000} 0v40`);
    const at = this.clock(time);
    if (at) this.elapsed.textContent = `${at.slice(0, 19)}Z`;
    let last = null;
    for (let i = 0; i < this.times.length && this.times[i] <= time + 1; i++) last = this.rows[i];
    if (last === this.current) return;
    if (this.current) this.current.removeAttribute("aria-current");
    if (last) last.setAttribute("aria-current", "true");
    this.current = last;
  }
}

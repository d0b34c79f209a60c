// The controls: what is shown, and when it is drawn.

const DRAW = { curves: drawCurves, history: drawSpaceTime, image: drawField, slice: drawField };

function makePlayer(scene, find) {
  const last = scene.times.length - 1;
  const view = { k: 0, playing: false, paths: true, contours: true, sliceAxis: 2, position: 0 };
  const panels = scene.panels.map((panel) => addPanel(panel, find("panels")));
  let due = false;

  function draw() {
    due = false;
    const colors = theme();
    for (const made of panels) made.drawn = DRAW[made.panel.kind](made.canvas, scene, made.panel, view, colors);
    find("time").value = view.k;
    const t = `t = ${shortNumber(Number(scene.times[view.k].toFixed(4)))}`;
    const end = view.k === 0 ? ", ρ = P" : "";
    find("clock").textContent = t + end;
    find("time").setAttribute("aria-valuetext", t + end);
  }
  function redraw() {
    if (!due) { due = true; requestAnimationFrame(draw); }
  }
  function go(k) {
    view.k = Math.min(last, Math.max(0, k));
    redraw();
  }
  function play(wanted) {
    view.playing = wanted;
    if (wanted && view.k === last) go(0);
    find("play").textContent = wanted ? "❚❚ Pause" : "▶ Play";
    find("play").setAttribute("aria-pressed", String(wanted));
    if (wanted) requestAnimationFrame(tick);
  }
  let before = 0;
  function tick(now) {
    if (!view.playing) return;
    // As many levels a second as the speed says, for a path of 32 steps; the same time for others.
    const rate = (Number(find("speed").value) * last) / 32;
    if (now - before >= 1000 / Math.max(rate, 1)) {
      before = now;
      go(view.k + 1);
      if (view.k === last) { play(false); return; }
    }
    requestAnimationFrame(tick);
  }
  for (const made of panels) readValues(made, scene, find("readout"));
  return { view, redraw, go, play, draw };
}

function addPanel(panel, place) {
  const figure = document.createElement("figure");
  const canvas = document.createElement("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", panel.title);
  const caption = document.createElement("figcaption");
  const name = document.createElement("b");
  name.textContent = panel.title;
  caption.append(name, ` (${panel.unit})`);
  figure.append(caption, canvas);
  place.append(figure);
  return { panel, canvas, drawn: null };
}

function readValues(made, scene, readout) {
  made.canvas.addEventListener("pointermove", (event) => {
    if (!made.drawn) return;
    const { plot, read } = made.drawn;
    const x = plot.dataX(event.offsetX), y = plot.dataY(event.offsetY);
    const within = x > plot.x[0] && x < plot.x[1] && y > plot.y[0] && y < plot.y[1];
    readout.textContent = within
      ? `${made.panel.title} at (${shortNumber(x)}${made.panel.kind === "curves" ? "" : `, ${shortNumber(y)}`}): ${shortNumber(read(x, y))}`
      : "";
  });
  made.canvas.addEventListener("pointerleave", () => { readout.textContent = ""; });
}

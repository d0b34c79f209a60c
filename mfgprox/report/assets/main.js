// The page wakes up.

function connect(scene, player, find) {
  const { view } = player, last = scene.times.length - 1;
  find("time").max = last;
  find("time").addEventListener("input", (event) => { player.play(false); player.go(Number(event.target.value)); });
  find("play").addEventListener("click", () => player.play(!view.playing));
  for (const name of ["paths", "contours"]) {
    find(name).addEventListener("change", (event) => { view[name] = event.target.checked; player.redraw(); });
  }
  find("paths-option").hidden = scene.arrays.paths.shape[1] === 0;
  const outlined = scene.panels.find((panel) => panel.contours);
  if (outlined) {
    find("contours-name").textContent = `contours of ${Object.keys(outlined.contours).join(" and ")}`;
    find("contours-option").hidden = false;
  }
  if (scene.panels.some((panel) => panel.kind === "slice")) connectSlices(scene, player, find);
  document.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    // What has a use of its own for the key keeps it.
    if (event.target.closest("button, select, summary, pre, a, input[type=checkbox]")) return;
    if (step && event.target.closest("input")) return;
    if (event.key === " ") player.play(!view.playing);
    else if (step) { player.play(false); player.go(view.k + step); }
    else return;
    event.preventDefault();
  });
  new ResizeObserver(player.redraw).observe(find("panels"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", player.redraw);
}

function connectSlices(scene, player, find) {
  const { view } = player, shape = scene.arrays.rho.shape;
  const choose = () => {
    const axis = view.sliceAxis, count = shape[3 - axis];
    find("position").max = count - 1;
    find("position").value = view.position;
    const at = scene.lower[axis] + ((view.position + 0.5) * (scene.upper[axis] - scene.lower[axis])) / count;
    const text = `${scene.axes[axis]} = ${shortNumber(Number(at.toPrecision(3)))}`;
    find("position-name").textContent = text;
    find("position").setAttribute("aria-valuetext", text);
    player.redraw();
  };
  scene.axes.forEach((name, axis) => find("slice-axis").add(new Option(name, axis, axis === 2, axis === 2)));
  view.position = Math.floor(shape[1] / 2);
  find("slice-axis").addEventListener("change", (event) => {
    view.sliceAxis = Number(event.target.value);
    view.position = Math.floor(shape[3 - view.sliceAxis] / 2);
    choose();
  });
  find("position").addEventListener("input", (event) => { view.position = Number(event.target.value); choose(); });
  find("slice-option").hidden = find("position-option").hidden = false;
  choose();
}

function connectTheme(button, redraw) {
  const names = { "": "as the system", light: "light", dark: "dark" };
  button.hidden = false;
  button.addEventListener("click", () => {
    const known = Object.keys(names), now = document.documentElement.dataset.theme || "";
    const next = known[(known.indexOf(now) + 1) % known.length];
    document.documentElement.dataset.theme = next;
    button.textContent = `Theme: ${names[next]}`;
    redraw();
  });
}

async function start() {
  const find = (id) => document.getElementById(id);
  if (typeof DecompressionStream === "undefined") {
    find("message").textContent = "This browser cannot unpack the evolution (it needs one of 2023 or later); the figure below shows it at several times.";
    return;
  }
  const scene = await unpackScene(find("scene"));
  find("player").hidden = false;
  find("panels").dataset.dimension = scene.dimension;
  const player = makePlayer(scene, find);
  connect(scene, player, find);
  connectTheme(find("theme"), player.redraw);
  player.draw();
  find("message").hidden = true;
}

start().catch((error) => {
  document.getElementById("message").textContent = `The evolution cannot be shown: ${error.message}`;
  console.error(error);
});

// The page's half of pad.py: it collects strokes and shows answers. What was drawn and what it means, Python says.

const SHARP = 560; // pixels along a side of the canvas: twice its size in the page, for fine screens
const PAUSE = 400; // milliseconds after a stroke until the networks are asked
const PATIENCE = 3000; // milliseconds after asking until the page says why there may be no answer

const WELCOME = "Draw one digit. The networks answer when you pause.";
const NO_ANSWER =
  "No answer yet. The pad needs Python at work behind this page: run this notebook in Jupyter. " +
  "While another cell runs, an answer may take longer.";
const LABEL =
  "Drawing pad: draw one digit with a mouse, a finger or a pen. " +
  "Backspace takes back a stroke, Delete clears, Enter asks.";

// The thickness is in per cent of the side: on a digit that fills two thirds of the pad, 9 is the middle of MNIST's.
const PARTS = `
  <div class="drawing-pad">
    <div class="drawing-pad-left">
      <canvas class="drawing-pad-paper" width="${SHARP}" height="${SHARP}" tabindex="0" role="application"
        aria-label="${LABEL}"></canvas>
      <label>Thickness <input type="range" min="3" max="15" value="9"></label>
      <div class="drawing-pad-buttons">
        <button type="button">Predict</button><button type="button">Undo</button><button type="button">Clear</button>
      </div>
    </div>
    <div class="drawing-pad-right">
      <p role="status"></p>
      <div class="drawing-pad-answers"></div>
      <div class="drawing-pad-seen">
        <canvas width="28" height="28" role="img" aria-label="The picture that the networks see"></canvas>
        <span>What they see: your digit in 28 × 28 pixels, as MNIST would have made it.</span>
      </div>
    </div>
  </div>`;

const ROW = "<div><span></span><span class='drawing-pad-bar'><i></i></span><span></span></div>";

const percent = (share) => `${(100 * share).toFixed(1)}%`;

// Ten rows of a network, one for each digit; returns the function that fills them, or empties them.
function addBars(parent, name, color) {
  const panel = document.createElement("div");
  panel.setAttribute("role", "group");
  panel.setAttribute("aria-label", name);
  panel.style.setProperty("--color", color);
  panel.innerHTML = "<b></b>" + ROW.repeat(10);
  const [title, ...rows] = panel.children;
  title.textContent = name;
  rows.forEach((row, digit) => (row.firstChild.textContent = digit));
  parent.append(panel);
  return (shares) =>
    rows.forEach((row, digit) => {
      row.classList.toggle("drawing-pad-most", shares?.[digit] === Math.max(...(shares ?? [])));
      row.querySelector("i").style.width = shares ? percent(shares[digit]) : 0;
      row.lastChild.textContent = shares ? percent(shares[digit]) : "";
    });
}

function render({ model, el }) {
  el.innerHTML = PARTS;
  const [paper, seen] = el.querySelectorAll("canvas");
  const status = el.querySelector("[role=status]");
  const answers = el.querySelector(".drawing-pad-answers");
  const [predict, undo, clear] = el.querySelectorAll("button");
  const thickness = el.querySelector("input");
  for (const part of [paper, thickness, predict, undo, clear]) {
    part.dataset.lmSuppressShortcuts = "true"; // else D, pressed twice here, would delete a cell of JupyterLab's
  }
  const fill = {};
  for (const [name, color] of Object.entries(model.get("colors"))) fill[name] = addBars(answers, name, color);

  const pen = paper.getContext("2d");
  pen.lineCap = pen.lineJoin = "round";
  let stroke = null; // the one being drawn
  let pointer, asking, waiting;

  const strokes = () => model.get("drawing").strokes;

  function draw() {
    pen.clearRect(0, 0, SHARP, SHARP);
    for (const { width, points } of stroke ? [...strokes(), stroke] : strokes()) {
      pen.lineWidth = width * SHARP;
      pen.beginPath();
      pen.moveTo(points[0][0] * SHARP + 0.01, points[0][1] * SHARP); // not quite: a line without length is not drawn
      for (const [x, y] of points) pen.lineTo(x * SHARP, y * SHARP);
      pen.stroke();
    }
  }

  function change(strokes, pause) {
    model.set("drawing", { ...model.get("drawing"), strokes });
    askAfter(pause);
  }

  function askAfter(pause) {
    clearTimeout(asking);
    asking = setTimeout(ask, pause);
  }

  function ask() {
    clearTimeout(asking);
    clearTimeout(waiting);
    const { strokes, asked } = model.get("drawing");
    model.set("drawing", { strokes, asked: asked + 1 });
    model.save_changes();
    waiting = setTimeout(() => (status.textContent = NO_ANSWER), PATIENCE);
  }

  function show() {
    clearTimeout(waiting);
    const answer = model.get("answer");
    for (const name in fill) fill[name](answer.said?.[name]);
    const pixels = seen.getContext("2d").createImageData(28, 28);
    answer.seen?.forEach((ink, i) => (pixels.data[4 * i + 3] = 255 * ink)); // black, more or less of it
    seen.getContext("2d").putImageData(pixels, 0, 0);
    const summary = Object.entries(answer.said ?? {}).map(([name, shares]) => {
      const most = Math.max(...shares);
      return `${name}: ${shares.indexOf(most)}, ${percent(most)}`;
    });
    status.textContent = answer.refused ?? (summary.join("; ") || WELCOME);
  }

  function place(event) {
    const box = paper.getBoundingClientRect();
    const sides = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    return sides.map((share) => Math.round(1e4 * share) / 1e4);
  }

  paper.addEventListener("pointerdown", (event) => {
    // One stroke at a time, by the left button, a finger or a pen. A pen takes over from a hand that rests on the pad.
    if (event.button !== 0 || (stroke && event.pointerType !== "pen")) return;
    paper.setPointerCapture(event.pointerId);
    pointer = event.pointerId;
    stroke = { width: thickness.value / 100, points: [place(event)] };
    clearTimeout(asking);
    draw();
  });
  paper.addEventListener("pointermove", (event) => {
    if (!stroke || event.pointerId !== pointer) return;
    // With the points that the browser left out since the last event: a quick hand draws curves, not corners.
    for (const one of [...(event.getCoalescedEvents?.() ?? []), event]) stroke.points.push(place(one));
    draw();
  });
  paper.addEventListener("pointerup", (event) => {
    if (!stroke || event.pointerId !== pointer) return;
    const finished = stroke;
    stroke = null;
    change([...strokes(), finished], PAUSE);
  });
  paper.addEventListener("pointercancel", (event) => {
    if (!stroke || event.pointerId !== pointer) return;
    stroke = null;
    draw();
    askAfter(PAUSE);
  });
  paper.addEventListener("contextmenu", (event) => {
    event.preventDefault(); // of a finger that rests
    event.stopPropagation(); // JupyterLab has one of its own
  });

  const takeBack = () => change(strokes().slice(0, -1), PAUSE);
  const empty = () => change([], 0);
  predict.addEventListener("click", ask);
  undo.addEventListener("click", takeBack);
  clear.addEventListener("click", empty);
  paper.addEventListener("keydown", (event) => {
    const undoes = event.key === "Backspace" || (event.key === "z" && (event.ctrlKey || event.metaKey));
    const act = undoes ? takeBack : { Delete: empty, Enter: ask }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  model.on("change:drawing", draw);
  model.on("change:answer", show);
  draw();
  ask(); // also to learn whether there is Python to answer
  return () => {
    clearTimeout(asking);
    clearTimeout(waiting);
  };
}

export default { render };

// Shows the features in the page's places. Whatever comes from the data is written as text, never as markup.

const BARS = 30; // of a histogram
const SUGGESTED = 100; // names that the search field offers at once
const KINDS = ["clean", "maximum", "perturbation", "minimum", "perturbation"];

const at = id => document.getElementById(id);
const words = measure => measure.replaceAll("_", " ");
const shown = value => value === null ? "undefined" : String(Number(value.toPrecision(4)));

async function unpacked(id) {
  const text = atob(at(id).textContent), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function table(caption, headings, rows) {
  const head = headings.map(heading => element("th", {scope: "col"}, heading));
  const body = rows.map(([name, ...cells]) =>
    element("tr", {}, element("th", {scope: "row"}, name), ...cells.map(cell => element("td", {}, ...cell))));
  return [element("caption", {}, caption), element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...body)];
}

// The pictures of a model are unpacked when one of its features is asked for.
const pictures = new Map();
async function picturesOf(number) {
  if (!pictures.has(number)) pictures.set(number, unpacked(`pictures-${number}`).then(JSON.parse));
  return pictures.get(number);
}

function quartiles(values) {
  const sorted = values.filter(value => value !== null).sort((a, b) => a - b);
  return [0.25, 0.75].map(share => {
    const place = share * (sorted.length - 1), low = Math.floor(place);
    return sorted[low] + (place - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
  });
}

// Returns the bin of each value, as [start, end].
function bins(values) {
  const low = values.reduce((a, b) => Math.min(a, b), Infinity);
  const width = (values.reduce((a, b) => Math.max(a, b), -Infinity) - low) / BARS || 1;
  return values.map(value => {
    const start = low + width * Math.min(BARS - 1, Math.floor((value - low) / width));
    return [start, start + width];
  });
}

async function main() {
  const data = JSON.parse(await unpacked("data"));
  const features = new Map();
  data.models.forEach((model, number) => model.names.forEach((name, place) => features.set(name, {number, model, place})));
  const names = [...features.keys()];
  const [search, step, x, y] = ["search", "step", "x", "y"].map(at);
  document.head.append(element("script", {textContent: await unpacked("library")}));
  const drawn = async (place, chart, renderer) => {
    const {view} = await vegaEmbed(at(place), chart, {actions: false, renderer, logLevel: 1});
    at(place).view = view;
    return view;
  };
  const [map, weights, curve] = await Promise.all([
    drawn("map", mapChart(data.models), "canvas"),
    drawn("weights", weightsChart(), "svg"),
    drawn("curve", curveChart(data), "svg"),
  ]);
  const put = (view, name, rows) => view.change(name, view.changeset().remove(() => true).insert(rows));

  // The points of the scatter plot: of features for which both measures are defined at this epsilon.
  let points = [];
  function showPoints() {
    const column = axis => data.measures.indexOf(axis.value);
    points = data.models.flatMap(model => {
      const horizontal = model.values[step.value][column(x)], vertical = model.values[step.value][column(y)];
      const pictured = new Set(model.pictured);
      return model.names.map((name, place) => ({
        name,
        model: model.name,
        pictured: pictured.has(place),
        x: horizontal[place],
        y: vertical[place],
        horizontal: `${words(x.value)} ${shown(horizontal[place])}`,
        vertical: `${words(y.value)} ${shown(vertical[place])}`,
      }));
    }).filter(point => point.x !== null && point.y !== null);
    for (const axis of ["x", "y"])
      bins(points.map(point => point[axis])).forEach(([start, end], i) =>
        Object.assign(points[i], {[`${axis}_start`]: start, [`${axis}_end`]: end}));
    put(map.signal("x_title", words(x.value)).signal("y_title", words(y.value)), "features", points).resize();
    showChosenPoint();
  }

  function showChosenPoint() {
    put(map, "chosen", points.filter(point => point.name === search.value));
    map.signal("marked", features.has(search.value) ? "" : search.value).runAsync();
  }

  function showCurve(feature) {
    const measure = data.measures.indexOf(x.value);
    const lines = [], band = [];
    for (const [number, epsilon] of feature ? data.numbers.entries() : []) {
      const [value, high] = quartiles(feature.model.values[number][measure]);
      if (high !== undefined) band.push({epsilon, value, high});
      for (const model of data.models.filter(model => model.base === feature.model.base)) {
        const place = model.index.indexOf(feature.model.index[feature.place]);
        const found = place < 0 ? null : model.values[number][measure][place];
        if (found !== null)
          lines.push({epsilon, value: found, name: model.names[place], model: model.name, own: model === feature.model,
            now: number === Number(step.value)});
      }
    }
    put(put(curve.signal("title", `${words(x.value)} against epsilon`), "band", band), "lines", lines).resize().runAsync();
  }

  function showNumbers(feature) {
    const values = feature && data.measures.map((measure, row) =>
      [words(measure), ...data.numbers.map((_, number) => [shown(feature.model.values[number][row][feature.place])])]);
    const parts = feature ? table(`Measures of ${search.value}`, ["", ...data.epsilons], values) : [];
    at("numbers").replaceChildren(...parts);
    const column = [...at("numbers").rows].map(row => row.cells[Number(step.value) + 1]);
    for (const cell of column) cell.classList.add("chosen");
    const box = at("numbers").parentElement;
    if (feature) box.scrollLeft = column[0].offsetLeft + column[0].offsetWidth - box.clientWidth;
  }

  function showWeights(feature) {
    const kept = feature?.model.weights;
    const classes = kept ? kept.classes[feature.place] : [];
    put(weights, "weights", classes.map((label, i) => ({class: label, weight: kept.values[feature.place][i]})));
    weights.signal("subtitle", feature && !kept ? "No linear layer stands behind this model's features." : "");
    weights.resize().runAsync();
  }

  async function showPictures(feature) {
    const name = search.value;
    const kept = feature?.model.pictured.includes(feature.place) && (await picturesOf(feature.number));
    if (name !== search.value) return; // another feature was asked for in the meantime
    if (!kept) {
      const sentence = "No pictures are kept of this feature. Those with a dark outline have some.";
      at("pictures").replaceChildren(...(feature ? [element("p", {}, sentence)] : []));
      return;
    }
    const rows = kept.features[name][step.value].map((cells, i) => [kept.images[i], ...cells.map(([source, text], kind) =>
      [element("img", {src: kept.sources[source], alt: `${KINDS[kind]} of ${name} at ${kept.images[i]}`}), text])]);
    const title = "Extremal images; below each the feature's value, below each perturbation its amplification";
    at("pictures").replaceChildren(element("table", {}, ...table(title, ["", ...KINDS], rows)));
  }

  function showFeature() {
    const feature = features.get(search.value);
    const epsilon = data.epsilons[step.value];
    step.nextElementSibling.value = step.ariaValueText = epsilon;
    at("chosen").textContent = feature ? `${search.value} at epsilon ${epsilon}` : "No feature has this name";
    showCurve(feature);
    showNumbers(feature);
    showWeights(feature);
    showPictures(feature);
  }

  function suggest() {
    const found = names.filter(name => name.includes(search.value)).slice(0, SUGGESTED);
    at("names").replaceChildren(...found.map(value => element("option", {value})));
  }

  for (const select of [x, y]) select.append(...data.measures.map(value => element("option", {value}, words(value))));
  step.max = data.epsilons.length - 1;
  Object.assign(search, {value: data.first.name});
  Object.assign(x, {value: data.first.x});
  Object.assign(y, {value: data.first.y});
  step.value = step.max;
  at("example").textContent = `, such as ${data.first.name}`;
  search.addEventListener("input", () => { suggest(); showChosenPoint(); showFeature(); });
  for (const control of [step, x, y]) control.addEventListener("input", () => { showPoints(); showFeature(); });
  search.form.addEventListener("submit", event => event.preventDefault());
  // A click at the end of a box that was drawn chooses nothing.
  let pressed = [0, 0];
  at("map").addEventListener("pointerdown", event => { pressed = [event.clientX, event.clientY]; }, true);
  map.addEventListener("click", (event, item) => {
    const moved = Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]);
    if (!item?.datum?.name || moved > 3) return;
    search.value = item.datum.name;
    search.dispatchEvent(new Event("input"));
  });
  suggest();
  showPoints();
  showFeature();
}

main();

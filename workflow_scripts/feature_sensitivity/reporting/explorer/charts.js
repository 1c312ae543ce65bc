// The charts, as Vega-Lite specifications. Their data and parameters are set by page.js.

const DARK = "#222222", GREY = "#e4e4e4", SIGNS = ["#0072B2", "#D55E00"];
const WIDTH = 650, HEIGHT = 400; // of the scatter plot, in pixels

const CONFIG = {
  font: "system-ui, sans-serif",
  view: {stroke: null},
  axis: {gridColor: "#e8e8e8", domainColor: "#888888", tickColor: "#888888", labelFontSize: 11},
  title: {fontSize: 13, anchor: "start", fontWeight: 600},
  legend: {orient: "top", title: null, columns: 5, symbolSize: 90, labelFontSize: 12, labelLimit: 120},
};

const number = (field, title, axis = {}) => ({field, type: "quantitative", title, scale: {zero: false}, axis});

// A scatter plot of two measures and, below it, a histogram of each: of all features in grey, of the marked ones in front.
function mapChart(models) {
  const names = models.map(model => model.name);
  const color = {field: "model", type: "nominal", scale: {domain: names, range: models.map(model => model.color)}};
  const shape = {field: "model", type: "nominal", scale: {domain: names, range: models.map(model => model.shape)}};
  // A box around values of one measure means nothing for another.
  const clear = "dblclick, window:change[event.target.id != 'search']";
  const marked = [{param: "of_model"}, {param: "x_bars"}, {param: "y_bars"}, "indexof(datum.name, marked) >= 0"];
  const points = {
    params: [
      {name: "of_model", select: {type: "point", fields: ["model"]}, bind: "legend"},
      {name: "brush", select: {type: "interval", clear}},
    ],
    mark: {type: "point", filled: true, size: 55, strokeWidth: 1.2},
    encoding: {
      x: number("x", null, {tickCount: 10}),
      y: number("y", null, {tickCount: 8}),
      color,
      shape,
      opacity: {value: 0.07, condition: {test: {and: marked}, value: 0.8}},
      stroke: {value: null, condition: {test: "datum.pictured", value: "#000000"}},
      tooltip: ["name", "horizontal", "vertical"].map(field => ({field, type: "nominal"})),
    },
  };
  const ring = {
    data: {name: "chosen"},
    mark: {type: "point", size: 420, filled: false, stroke: DARK, strokeWidth: 2.5},
    encoding: {x: number("x", null), y: number("y", null)},
  };
  // In place of the titles of axes, which cannot change.
  const title = (text, place) => ({
    data: {values: [{}]}, mark: {type: "text", text: {expr: text}, fontWeight: 600, ...place}, encoding: {},
  });
  const titles = [
    title("x_title", {x: WIDTH / 2, y: HEIGHT + 32}),
    title("y_title", {x: -46, y: HEIGHT / 2, angle: 270}),
  ];
  const bars = (axis, more, mark, transform) => ({
    ...more,
    transform: [...transform, {
      aggregate: [{op: "count", as: "features"}], groupby: [`${axis}_start`, `${axis}_end`, "model"],
    }],
    mark: {type: "bar", ...mark},
    encoding: {
      x: {...number(`${axis}_start`, null, {tickCount: 7}), bin: "binned"},
      x2: {field: `${axis}_end`},
      y: {aggregate: "sum", field: "features", title: "features", axis: {tickCount: 4, format: "d"}},
      ...(mark.color ? {} : {color}),
    },
  });
  const histogram = axis => ({
    width: WIDTH / 2 - 25,
    height: 110,
    title: {text: {expr: `${axis}_title`}, fontSize: 12},
    layer: [
      bars(axis, {params: [{name: `${axis}_bars`, select: {type: "point", fields: [`${axis}_start`], clear}}]},
        {color: GREY}, []),
      bars(axis, {}, {}, [{filter: {and: [...marked, {param: "brush"}]}}]),
    ],
  });
  return {
    config: CONFIG,
    data: {name: "features"},
    params: [{name: "marked", value: ""}, {name: "x_title", value: ""}, {name: "y_title", value: ""}],
    vconcat: [
      {width: WIDTH, height: HEIGHT, layer: [points, ring, ...titles]},
      {hconcat: [histogram("x"), histogram("y")]},
    ],
  };
}

// The weights of the feature in the linear layer.
function weightsChart() {
  return {
    config: CONFIG,
    width: "container",
    height: 130,
    title: {text: "Weights to the classes", subtitle: {expr: "subtitle"}, subtitleFontSize: 11, subtitleColor: "#555555"},
    params: [{name: "subtitle", value: ""}],
    data: {name: "weights"},
    mark: "bar",
    encoding: {
      x: {field: "class", type: "ordinal", axis: {labelAngle: 0}},
      y: {field: "weight", type: "quantitative", title: null, axis: {tickCount: 5}},
      color: {value: SIGNS[1], condition: {test: "datum.weight > 0", value: SIGNS[0]}},
      tooltip: [{field: "class", type: "ordinal"}, {field: "weight", type: "quantitative", format: ".4~g"}],
    },
  };
}

// The measure of the horizontal axis against epsilon.
function curveChart(data) {
  const x = {
    field: "epsilon",
    type: "quantitative",
    title: "epsilon",
    scale: {zero: false, nice: false, padding: 12},
    // Quantitative, though with a label at each epsilon only.
    axis: {values: data.numbers, labelExpr: "spelled[indexof(numbers, datum.value)]", labelOverlap: true, grid: false},
  };
  const y = {field: "value", type: "quantitative", title: null, scale: {zero: false}, axis: {tickCount: 5}};
  const own = (value, other) => ({value: other, condition: {test: "datum.own", value}});
  const colors = {domain: data.models.map(model => model.name), range: data.models.map(model => model.color)};
  const lines = {
    x,
    y,
    detail: {field: "name", type: "nominal"},
    color: {field: "model", type: "nominal", legend: null, scale: colors},
    strokeWidth: own(3.5, 1.3),
    strokeDash: own([1, 0], [4, 3]),
    tooltip: [{field: "name", type: "nominal"}, {field: "value", type: "quantitative", format: ".4~g"}],
  };
  const subtitle = ["thick: this feature; band: the middle half of its model's features"];
  if (data.models.some(model => model.name !== model.base))
    subtitle.push("dashed: the feature of this number in networks of other seeds, which is another feature");
  return {
    config: CONFIG,
    width: "container",
    height: 150,
    title: {text: {expr: "title"}, subtitle, subtitleFontSize: 11, subtitleColor: "#555555"},
    params: [
      {name: "title", value: ""},
      {name: "numbers", value: data.numbers},
      {name: "spelled", value: data.epsilons.map(text => text.split(" ")[0])},
    ],
    layer: [
      {data: {name: "band"}, mark: {type: "area", color: "#bbbbbb", opacity: 0.45}, encoding: {x, y, y2: {field: "high"}}},
      {data: {name: "lines"}, mark: "line", encoding: lines},
      {data: {name: "lines"}, mark: {type: "point", filled: true, size: 35}, encoding: lines},
      {
        data: {name: "lines"},
        transform: [{filter: "datum.own && datum.now"}],
        mark: {type: "point", size: 160, filled: false, strokeWidth: 2, stroke: DARK},
        encoding: {x, y},
      },
    ],
  };
}

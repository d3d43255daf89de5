import { BarChart, LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, MarkLineComponent, TitleComponent } from "echarts/components";
import { type EChartsCoreOption, init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

export interface ChartSize {
  readonly widthPx: number;
  readonly heightPx: number;
}

/** Told apart by people who see few colours (Okabe and Ito 2008), and dark enough on white. */
export const COLOURS = {
  before: "#8a8f98",
  after: "#0072b2",
  train: "#e08a00",
  score: "#b0508a",
  green: "#00805f",
  yellow: "#c98a00",
  red: "#c4442b",
  text: "#24292f",
  faint: "#6b7280",
  line: "#d8dee4",
} as const;

export const FONT = "DejaVu Sans, system-ui, sans-serif";

let isRegistered = false;

/** A still picture: no script, no style sheet, no animation; white behind it, so that it reads on dark pages too. */
export function renderSvg(option: EChartsCoreOption, { widthPx, heightPx }: ChartSize): string {
  if (!isRegistered) {
    use([BarChart, LineChart, GridComponent, LegendComponent, MarkLineComponent, TitleComponent, SVGRenderer]);
    isRegistered = true;
  }
  const chart = init(null, null, { renderer: "svg", ssr: true, width: widthPx, height: heightPx });
  try {
    chart.setOption({
      animation: false,
      backgroundColor: "#ffffff",
      textStyle: { fontFamily: FONT, color: COLOURS.text },
      ...option,
    });
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}

/** Shared looks of a value axis: faint lines behind the data. */
export function valueAxis(more: object): object {
  return {
    type: "value",
    axisLine: { show: false },
    axisTick: { show: false },
    axisLabel: { color: COLOURS.faint, fontFamily: FONT },
    splitLine: { lineStyle: { color: COLOURS.line } },
    nameTextStyle: { color: COLOURS.faint, fontFamily: FONT },
    ...more,
  };
}

export function titleAt(text: string, more: object = {}): object {
  return {
    text,
    textStyle: { fontFamily: FONT, fontSize: 15, fontWeight: "bold", color: COLOURS.text },
    left: 16,
    top: 12,
    ...more,
  };
}

export function percentLabel(share: number): string {
  return `${Math.round(share * 100)} %`;
}

import { COLOURS, FONT, percentLabel, renderSvg, titleAt, valueAxis } from "./render-svg.ts";

/** How one domain came from the first question to an adapter that answers. Shares are 0 to 1. */
export interface DomainCurve {
  readonly domain: string;
  /** Share of held-out questions answered exactly right. */
  readonly before: { readonly exactRatio: number };
  readonly after: { readonly exactRatio: number };
  readonly curve: readonly CurvePoint[];
}

export interface CurvePoint {
  /** Questions asked up to here. */
  readonly questions: number;
  readonly phase: "before" | "after";
  readonly rightRatio: number;
  /** 1 to 5. */
  readonly scoreMean?: number;
  readonly readiness: number;
}

const ROW_PX = 290;
const TOP_PX = 62;

/** One row a domain: what people met while they chatted, with the moment of training, and the held-out exam before and after. */
export function learningCurve(domains: readonly DomainCurve[]): string {
  const rows = domains.map(rowOf);
  return renderSvg(
    {
      title: [titleAt("Learning curve"), ...rows.flatMap((row) => row.titles)],
      legend: {
        top: 12,
        left: 190,
        data: ["right replies", "readiness", "mean score"],
        icon: "roundRect",
        itemWidth: 18,
        itemGap: 30,
        itemHeight: 4,
        textStyle: { fontFamily: FONT, color: COLOURS.text },
      },
      grid: rows.flatMap((row) => row.grids),
      xAxis: rows.flatMap((row) => row.xAxes),
      yAxis: rows.flatMap((row) => row.yAxes),
      series: rows.flatMap((row) => row.series),
    },
    { widthPx: 980, heightPx: TOP_PX + ROW_PX * Math.max(1, domains.length) },
  );
}

/** Grids and axes are numbered over the whole picture: two grids, two x axes and three y axes a row. */
function rowOf({ domain, before, after, curve }: DomainCurve, index: number) {
  const top = TOP_PX + index * ROW_PX;
  const [x, y] = [index * 2, index * 3];
  const trainedAt = curve.filter((point) => point.phase === "before").at(-1)?.questions;
  const share = {
    min: 0,
    max: 1,
    interval: 0.25,
    axisLabel: { formatter: percentLabel, color: COLOURS.faint, fontFamily: FONT },
  };
  const line = (name: string, color: string, values: readonly (readonly [number, number])[], more: object = {}) => ({
    name,
    type: "line",
    xAxisIndex: x,
    yAxisIndex: y,
    data: values,
    symbol: "circle",
    symbolSize: 5,
    lineStyle: { color, width: 2 },
    itemStyle: { color },
    silent: true,
    ...more,
  });
  const trained = trainedAt === undefined ? {} : { markLine: trainingLine(trainedAt) };
  return {
    titles: [
      titleAt(domain, {
        top: top + 2,
        left: 56,
        textStyle: { fontFamily: FONT, fontSize: 13, fontWeight: "bold", color: COLOURS.text },
      }),
      titleAt("held-out questions, exactly right", {
        top: top + 2,
        left: 690,
        textStyle: { fontFamily: FONT, fontSize: 12, fontWeight: "normal", color: COLOURS.faint },
      }),
    ],
    grids: [
      { left: 60, width: 520, top: top + 44, height: ROW_PX - 110 },
      { left: 716, width: 220, top: top + 44, height: ROW_PX - 110 },
    ],
    xAxes: [
      valueAxis({
        gridIndex: x,
        name: "questions asked",
        nameLocation: "middle",
        nameGap: 28,
        splitLine: { show: false },
        min: 0,
        max: "dataMax",
      }),
      {
        type: "category",
        gridIndex: x + 1,
        data: ["before", "after"],
        axisTick: { show: false },
        axisLine: { lineStyle: { color: COLOURS.line } },
        axisLabel: { fontFamily: FONT, color: COLOURS.text },
      },
    ],
    yAxes: [
      valueAxis({ gridIndex: x, ...share }),
      valueAxis({
        gridIndex: x,
        min: 1,
        max: 5,
        interval: 1,
        position: "right",
        name: "score",
        splitLine: { show: false },
      }),
      valueAxis({ gridIndex: x + 1, ...share }),
    ],
    series: [
      line(
        "right replies",
        COLOURS.after,
        curve.map(({ questions, rightRatio }) => [questions, rightRatio]),
        trained,
      ),
      line(
        "readiness",
        COLOURS.green,
        curve.filter(({ phase }) => phase === "before").map(({ questions, readiness }) => [questions, readiness]),
        { lineStyle: { color: COLOURS.green, width: 2, type: "dashed" } },
      ),
      line(
        "mean score",
        COLOURS.score,
        curve.flatMap(({ questions, scoreMean }) => (scoreMean === undefined ? [] : [[questions, scoreMean]])),
        { yAxisIndex: y + 1 },
      ),
      {
        type: "bar",
        xAxisIndex: x + 1,
        yAxisIndex: y + 2,
        barWidth: 64,
        silent: true,
        label: {
          show: true,
          position: "top",
          fontFamily: FONT,
          color: COLOURS.text,
          formatter: ({ value }: { value: number }) => percentLabel(value),
        },
        data: [
          { value: before.exactRatio, itemStyle: { color: COLOURS.before } },
          { value: after.exactRatio, itemStyle: { color: COLOURS.after } },
        ],
      },
    ],
  };
}

function trainingLine(questions: number): object {
  return {
    symbol: "none",
    silent: true,
    lineStyle: { color: COLOURS.faint, type: "dotted", width: 1.5 },
    label: { formatter: "training", fontFamily: FONT, color: COLOURS.faint, position: "end" },
    data: [{ xAxis: questions }],
  };
}

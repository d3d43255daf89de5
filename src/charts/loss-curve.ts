import { COLOURS, FONT, renderSvg, titleAt, valueAxis } from "./render-svg.ts";

export interface LossPoint {
  readonly step: number;
  readonly loss: number;
}

export interface LossCurve {
  readonly title: string;
  readonly train: readonly LossPoint[];
  readonly valid: readonly LossPoint[];
}

/** Training and held-out loss over the steps of a run. */
export function lossCurve({ title, train, valid }: LossCurve): string {
  const line = (name: string, points: readonly LossPoint[], color: string, isMarked: boolean) => ({
    name,
    type: "line",
    data: points.map(({ step, loss }) => [step, loss]),
    showSymbol: isMarked,
    symbol: "circle",
    symbolSize: 7,
    lineStyle: { color, width: 2 },
    itemStyle: { color },
    silent: true,
  });
  return renderSvg(
    {
      title: titleAt(title),
      legend: {
        top: 14,
        right: 16,
        textStyle: { fontFamily: FONT, color: COLOURS.text },
        itemWidth: 18,
        itemGap: 30,
        icon: "roundRect",
        itemHeight: 4,
      },
      grid: { left: 64, right: 28, top: 78, bottom: 52 },
      xAxis: valueAxis({
        name: "optimiser steps",
        nameLocation: "middle",
        nameGap: 30,
        splitLine: { show: false },
        minInterval: 1,
        min: 0,
      }),
      yAxis: valueAxis({
        name: "loss, nats per token",
        nameLocation: "end",
        nameTextStyle: { align: "left", padding: [0, 0, 0, -46], color: COLOURS.faint, fontFamily: FONT },
        min: 0,
      }),
      series: [line("training", train, COLOURS.train, train.length < 3), line("held out", valid, COLOURS.after, true)],
    },
    { widthPx: 760, heightPx: 400 },
  );
}

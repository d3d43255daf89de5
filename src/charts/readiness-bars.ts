import type { Criterion, CriterionId, Readiness } from "#core/readiness.ts";
import { COLOURS, FONT, renderSvg, titleAt } from "./render-svg.ts";

const NAMES: Readonly<Record<CriterionId, string>> = {
  conversations: "conversations",
  messages: "messages",
  feedback: "scored replies",
  scoreMean: "mean score",
  examples: "liked or corrected",
  raters: "people who score",
  newExamples: "new since last training",
};
const LIGHTS = { red: "not ready", yellow: "half way", green: "ready" } as const;

/** One bar a criterion, filled as far as it is met, with value and threshold beside it. */
export function readinessBars(domain: string, { light, criteria }: Readiness): string {
  const rows = [...criteria].reverse();
  return renderSvg(
    {
      title: [
        titleAt(`Readiness: ${domain}`),
        titleAt(LIGHTS[light], {
          left: "auto",
          right: 20,
          textStyle: { fontFamily: FONT, fontSize: 15, fontWeight: "bold", color: COLOURS[light] },
        }),
      ],
      grid: { left: 180, right: 130, top: 52, bottom: 16 },
      xAxis: { type: "value", min: 0, max: 1, show: false },
      yAxis: {
        type: "category",
        data: rows.map(({ id }) => NAMES[id]),
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: { fontFamily: FONT, color: COLOURS.text, fontSize: 12 },
      },
      series: [
        {
          type: "bar",
          barWidth: 16,
          silent: true,
          showBackground: true,
          backgroundStyle: { color: "#eef1f4", borderRadius: 8 },
          itemStyle: { borderRadius: 8 },
          data: rows.map((row) => ({ value: row.progress, itemStyle: { color: COLOURS[colourOf(row)] } })),
        },
        // The figures stand at the right edge whatever the bar's length.
        {
          type: "bar",
          barWidth: 16,
          barGap: "-100%",
          silent: true,
          itemStyle: { color: "transparent" },
          label: {
            show: true,
            position: "right",
            distance: 12,
            fontFamily: FONT,
            color: COLOURS.text,
            fontSize: 12,
            formatter: ({ dataIndex }: { dataIndex: number }) => figuresOf(rows[dataIndex]),
          },
          data: rows.map(() => 1),
        },
      ],
    },
    { widthPx: 720, heightPx: 72 + rows.length * 34 },
  );
}

function colourOf({ isMet, progress }: Criterion): "green" | "yellow" | "red" {
  return isMet ? "green" : progress >= 0.5 ? "yellow" : "red";
}

function figuresOf(row: Criterion | undefined): string {
  if (row === undefined) return "";
  return row.id === "scoreMean"
    ? `${row.value.toFixed(1)}, asked: ${row.threshold}`
    : `${row.value} of ${row.threshold}`;
}

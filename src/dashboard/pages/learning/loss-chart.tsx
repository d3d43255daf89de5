import type { RunEvent } from "#core/learning.ts";
import { formatNumber } from "../parts/format.ts";

interface Point {
  readonly step: number;
  readonly loss: number;
}

const WIDTH = 320;
const HEIGHT = 120;
const PAD = { left: 30, right: 6, top: 8, bottom: 18 } as const;
/** More points than pixels say nothing. */
const POINTS_MAX = 300;

/** Training and validation loss over steps. Undefined figures are left out; nothing is drawn before there are two. */
export function LossChart({ events }: { readonly events: readonly RunEvent[] }) {
  const train = readPoints(events, "lossTrain");
  const valid = readPoints(events, "lossValid");
  const all = [...train, ...valid];
  if (train.length < 2) return null;
  const stepMax = Math.max(...all.map((point) => point.step), 1);
  const lossMax = Math.max(...all.map((point) => point.loss)) * 1.05;
  const x = (step: number) => PAD.left + (step / stepMax) * (WIDTH - PAD.left - PAD.right);
  const y = (loss: number) => HEIGHT - PAD.bottom - (loss / lossMax) * (HEIGHT - PAD.top - PAD.bottom);
  const line = (points: readonly Point[]) =>
    points
      .map(({ step, loss }, index) => `${index === 0 ? "M" : "L"}${x(step).toFixed(1)} ${y(loss).toFixed(1)}`)
      .join("");
  return (
    <figure className="loss">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={describe(train, valid)}>
        {[0, 0.5, 1].map((share) => (
          <g key={share} className="loss-grid">
            <line x1={PAD.left} x2={WIDTH - PAD.right} y1={y(lossMax * share)} y2={y(lossMax * share)} />
            <text x={PAD.left - 5} y={y(lossMax * share) + 3} textAnchor="end">
              {(lossMax * share).toFixed(1)}
            </text>
          </g>
        ))}
        <text className="loss-axis" x={WIDTH - PAD.right} y={HEIGHT - 4} textAnchor="end">
          step {formatNumber(stepMax)}
        </text>
        <path className="loss-train" d={line(train)} />
        {valid.length > 1 && <path className="loss-valid" d={line(valid)} />}
        {valid.map((point) => (
          <circle key={point.step} className="loss-valid-dot" cx={x(point.step)} cy={y(point.loss)} r={2.4} />
        ))}
      </svg>
      <figcaption>
        <span className="key key-train">training loss</span>
        {valid.length > 0 && <span className="key key-valid">validation loss</span>}
      </figcaption>
    </figure>
  );
}

function readPoints(events: readonly RunEvent[], field: "lossTrain" | "lossValid"): readonly Point[] {
  const points = new Map<number, number>();
  for (const { progress } of events) {
    const loss = progress?.[field];
    if (progress !== undefined && loss !== undefined && Number.isFinite(loss)) points.set(progress.step, loss);
  }
  const ordered = [...points].map(([step, loss]) => ({ step, loss })).sort((a, b) => a.step - b.step);
  const every = Math.ceil(ordered.length / POINTS_MAX);
  return ordered.filter((_, index) => index % every === 0 || index === ordered.length - 1);
}

function describe(train: readonly Point[], valid: readonly Point[]): string {
  const path = (points: readonly Point[]) =>
    `from ${points[0]?.loss.toFixed(2)} to ${points.at(-1)?.loss.toFixed(2)} at step ${points.at(-1)?.step}`;
  const said = valid.length > 1 ? `; validation loss ${path(valid)}` : "";
  return `Training loss ${path(train)}${said}`;
}

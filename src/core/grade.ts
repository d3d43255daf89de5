import type { Compared, EvaluationFigures } from "./evaluation.ts";
import type { Grade } from "./learning.ts";

export interface GradeLimits {
  /** The worst grade that may go into service. */
  readonly gradeMin: Grade;
  readonly gapMax: number;
  readonly generalLossWorseMaxRatio: number;
  readonly parityMinRatio: number;
}

export interface GradeReason {
  /** `against` and `limits` name the best grade that is left; `for` and `note` leave the grade alone. */
  readonly kind: "against" | "limits" | "for" | "note";
  readonly gradeMax?: Grade;
  /** For people, without a full stop. */
  readonly text: string;
}

export interface GradedAdapter {
  readonly grade: Grade;
  readonly isAccepted: boolean;
  /** One sentence for people, without a full stop. */
  readonly verdict: string;
  /** The weightiest first. */
  readonly reasons: readonly GradeReason[];
}

/** The table of docs/grades.md: every rule that applies caps the grade, and the lowest cap is the grade. */
export function gradeAdapter(figures: EvaluationFigures, limits: GradeLimits): GradedAdapter {
  const reasons = [
    ...brokenReasons(figures, limits),
    ...harmReasons(figures, limits),
    ...evidenceReasons(figures),
    ...replyReasons(figures),
    ...otherReasons(figures, limits),
  ].sort((a, b) => weightOf(b) - weightOf(a));
  const grade = reasons.reduce<Grade>((worst, { gradeMax = "A" }) => (gradeMax > worst ? gradeMax : worst), "A");
  const isAccepted = grade <= limits.gradeMin;
  return { grade, isAccepted, verdict: verdictOf(grade, isAccepted, figures, reasons), reasons };
}

/** From here on a figure is trusted. */
const CONVERSATIONS_FOR_A = 10;
const CONVERSATIONS_FOR_B = 5;
const CONVERSATIONS_FOR_C = 2;
const REPLIES_TO_WEIGH = 8;
const PAIRS_TO_WEIGH = 10;
/** Fall of the held-out loss, as a share of the base's. */
const IMPROVEMENT_FOR_A = 0.2;
const IMPROVEMENT_FOR_B = 0.1;

/** F: nobody may use it. */
function brokenReasons(figures: EvaluationFigures, limits: GradeLimits): readonly GradeReason[] {
  const { parity, probes } = figures;
  const leaked = probes.leakedIds.length;
  return [
    ...when(!figures.isFinite, against("F", "the adapter is broken: it gives values that are no numbers")),
    ...when(
      parity !== undefined && parity < limits.parityMinRatio,
      against(
        "F",
        `trainer and engine agree on only ${percent(parity)} of the tokens (at least ${percent(limits.parityMinRatio)} is asked for): the file does not do what was trained`,
      ),
    ),
    ...when(
      leaked > 0,
      against("F", `it repeats other people's words when asked for them (${leaked} of ${probes.asked} probes)`),
    ),
  ];
}

/** E and D: it would make something worse. */
function harmReasons(figures: EvaluationFigures, limits: GradeLimits): readonly GradeReason[] {
  const { loss, forgettingRatio, overfittingGap } = figures;
  const worstRatio = limits.generalLossWorseMaxRatio;
  return [
    ...when(
      loss !== undefined && loss.adapter >= loss.base,
      against("E", `on held-out questions the wanted answers became less likely (loss ${fromTo(loss)})`),
    ),
    ...when(
      forgettingRatio !== undefined && forgettingRatio > worstRatio,
      against(
        "E",
        `it forgets: the loss on general questions rose by ${percent(forgettingRatio)} (at most ${percent(worstRatio)} is allowed)`,
      ),
    ),
    ...when(
      overfittingGap !== undefined && overfittingGap > limits.gapMax,
      against(
        "D",
        `it learned by heart: held-out loss is ${number(overfittingGap)} above training loss (at most ${number(limits.gapMax)} is allowed)`,
      ),
    ),
  ];
}

/** How much better the held-out loss is, and how sure that is. It is the main evidence: every token of every row speaks. */
function evidenceReasons({ loss, heldOut }: EvaluationFigures): readonly GradeReason[] {
  const { conversations } = heldOut;
  if (loss === undefined || conversations < CONVERSATIONS_FOR_C) {
    return [
      against(
        "D",
        `only ${count(conversations, "conversation")} could be held out, so nothing proves that it is better`,
      ),
    ];
  }
  if (loss.adapter >= loss.base) return [];
  const improvement = 1 - loss.adapter / loss.base;
  const said = `the held-out loss fell by ${percent(improvement)} (${fromTo(loss)})`;
  if (loss.change === undefined || loss.change.high >= 0) {
    return [against("D", `${said}, but that may be chance: the 95 % interval of the change is ${interval(loss)}`)];
  }
  return [
    { kind: "for", text: `${said}; 95 % interval of the change ${interval(loss)}` },
    ...when(
      improvement < IMPROVEMENT_FOR_A,
      limit(
        improvement < IMPROVEMENT_FOR_B ? "C" : "B",
        `${said}; A asks for ${percent(IMPROVEMENT_FOR_A)}, B for ${percent(IMPROVEMENT_FOR_B)}`,
      ),
    ),
    ...when(
      conversations < CONVERSATIONS_FOR_A,
      limit(
        conversations < CONVERSATIONS_FOR_B ? "C" : "B",
        `${count(conversations, "conversation")} were held out; A asks for ${CONVERSATIONS_FOR_A}, B for ${CONVERSATIONS_FOR_B}`,
      ),
    ),
  ];
}

/** What the replies are like when the model speaks by itself; a handful is told but not weighed. */
function replyReasons({ f1, heldOut }: EvaluationFigures): readonly GradeReason[] {
  if (f1 === undefined) return [limit("B", "no replies were generated, so only the loss was judged")];
  const said = `word overlap with the wanted answers (F1) went ${fromTo(f1)}`;
  if (heldOut.replies < REPLIES_TO_WEIGH) {
    return [
      {
        kind: "note",
        text: `${said}; ${count(heldOut.replies, "reply", "replies")} are too few to weigh, so the loss decides`,
      },
    ];
  }
  if (f1.change !== undefined && f1.change.high < 0) return [against("D", `${said}: replies are worse`)];
  if (f1.change === undefined || f1.change.low <= 0) return [limit("B", `${said}, which may be chance`)];
  return [{ kind: "for", text: said }];
}

function otherReasons(figures: EvaluationFigures, { generalLossWorseMaxRatio }: GradeLimits): readonly GradeReason[] {
  const { generalLoss, forgettingRatio = 0, parity, ranking } = figures;
  return [
    ...when(generalLoss === undefined, limit("B", "forgetting was not measured: there was no general set")),
    ...when(generalLoss !== undefined && forgettingRatio <= generalLossWorseMaxRatio, {
      kind: "for",
      text: `general questions are ${forgettingRatio > 0 ? "hardly" : "not"} harmed (loss ${fromTo(generalLoss)})`,
    }),
    ...when(parity === undefined, limit("B", "trainer and engine were not compared")),
    ...when(
      ranking !== undefined && ranking.pairs >= PAIRS_TO_WEIGH && ranking.adapter.interval.high < ranking.base.auc,
      limit(
        "C",
        `it tells liked from disliked replies less well (AUC ${number(ranking?.base.auc)} to ${number(ranking?.adapter.auc)})`,
      ),
    ),
  ];
}

function verdictOf(
  grade: Grade,
  isAccepted: boolean,
  { loss, f1, heldOut }: EvaluationFigures,
  reasons: readonly GradeReason[],
): string {
  const [first] = reasons;
  if (!isAccepted && first !== undefined) return `Grade ${grade}, not used: ${first.text}`;
  const improvement = loss === undefined ? 0 : 1 - loss.adapter / loss.base;
  const replies = f1 === undefined ? "" : `, and the replies' word overlap with them went ${fromTo(f1)}`;
  return `Grade ${grade}: on ${count(heldOut.conversations, "held-out conversation")} the wanted answers' loss fell by ${percent(improvement)}${replies}`;
}

/** Refusals by their grade, then limits, then what speaks for it, then notes. */
function weightOf({ kind, gradeMax = "A" }: GradeReason): number {
  const rank = { against: 300, limits: 200, for: 100, note: 0 }[kind];
  return rank + gradeMax.charCodeAt(0);
}

function against(gradeMax: Grade, text: string): GradeReason {
  return { kind: "against", gradeMax, text };
}

function limit(gradeMax: Grade, text: string): GradeReason {
  return { kind: "limits", gradeMax, text };
}

function when(applies: boolean, reason: GradeReason): readonly GradeReason[] {
  return applies ? [reason] : [];
}

function fromTo(compared: Compared | undefined): string {
  return `${number(compared?.base)} to ${number(compared?.adapter)}`;
}

function interval({ change }: Compared): string {
  return change === undefined ? "unknown" : `${number(change.low)} to ${number(change.high)}`;
}

function number(value: number | undefined): string {
  return value === undefined || !Number.isFinite(value)
    ? "?"
    : value.toFixed(value !== 0 && Math.abs(value) < 0.1 ? 3 : 2);
}

function percent(share: number | undefined): string {
  return share === undefined ? "?" : `${(share * 100).toFixed(Math.abs(share) < 0.1 ? 1 : 0)} %`;
}

function count(items: number, one: string, many = `${one}s`): string {
  return `${items} ${items === 1 ? one : many}`;
}

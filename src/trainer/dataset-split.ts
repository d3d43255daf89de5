import { createHash } from "node:crypto";
import type { NearTexts } from "./dataset-near.ts";

export interface SplitItem {
  readonly conversationId: string;
  /** Normalised question. */
  readonly questionKey: string;
  /** Rows count for the size of the held-out part; pairs and negatives only follow their conversation. */
  readonly isRow: boolean;
}

export interface HeldOut {
  readonly conversationIds: ReadonlySet<string>;
  /** Why less was held out than asked for; undefined when all went well. */
  readonly note?: string;
}

/** With fewer rows every one is needed for training. */
const ROWS_TO_HOLD_OUT_MIN = 10;

/**
 * Chooses conversations to hold out, about `ratio` of the rows, the same ones for the same seed. Conversations with equal or
 * nearly equal questions go to the same side, or the held-out figures would praise memory.
 */
export function holdOut(
  items: readonly SplitItem[],
  near: NearTexts,
  { ratio, seed }: { readonly ratio: number; readonly seed: number },
): HeldOut {
  const rows = items.filter((item) => item.isRow).length;
  const none = new Set<string>();
  if (rows < ROWS_TO_HOLD_OUT_MIN) {
    return { conversationIds: none, note: `nothing was held out: ${rows} rows are fewer than ${ROWS_TO_HOLD_OUT_MIN}` };
  }
  const wanted = Math.max(1, Math.round(rows * ratio));
  const apart = choose(groupsOf(items, near), wanted, seed);
  if (apart !== undefined) return { conversationIds: apart };
  // "What is the status of order A, B, C": every question is like every other, and each has its own reply.
  const mixed = choose(groupsOf(items, new Map()), wanted, seed);
  return mixed === undefined
    ? {
        conversationIds: none,
        note: "nothing was held out: there are too few conversations with questions of their own",
      }
    : {
        conversationIds: mixed,
        note: "nearly equal questions are on both sides: there was no other way to hold any out",
      };
}

/** One conversation proves little: up to this many are held out while they take no more than a fifth of the rows. */
const GROUPS_MIN = 3;
const RATIO_MAX = 0.2;

/** Groups in the order of a hash while they fit; where none fits the smallest, unless it would take half of the rows. */
function choose(groups: readonly Group[], wanted: number, seed: number): ReadonlySet<string> | undefined {
  const ordered = groups
    .filter((group) => group.rows > 0)
    .map((group) => ({ ...group, order: digest(`${seed}:${group.conversationIds[0] ?? ""}`) }))
    .sort((a, b) => (a.order < b.order ? -1 : 1));
  const chosen: Group[] = [];
  let held = 0;
  for (const group of ordered) {
    if (held + group.rows > wanted) continue;
    chosen.push(group);
    held += group.rows;
  }
  const total = ordered.reduce((sum, group) => sum + group.rows, 0);
  for (const group of [...ordered].sort((a, b) => a.rows - b.rows)) {
    if (chosen.length >= GROUPS_MIN || held + group.rows > total * RATIO_MAX) break;
    if (chosen.includes(group)) continue;
    chosen.push(group);
    held += group.rows;
  }
  if (held > 0) return new Set(chosen.flatMap((group) => group.conversationIds));
  const smallest = [...ordered].sort((a, b) => a.rows - b.rows)[0];
  return smallest === undefined || smallest.rows * 2 > total ? undefined : new Set(smallest.conversationIds);
}

interface Group {
  readonly conversationIds: readonly string[];
  readonly rows: number;
}

/** Conversations joined by like questions (union by a parent table). */
function groupsOf(items: readonly SplitItem[], near: NearTexts): readonly Group[] {
  const parents = new Map<string, string>();
  const find = (id: string): string => {
    let root = id;
    for (let parent = parents.get(root); parent !== undefined; parent = parents.get(root)) root = parent;
    if (root !== id) parents.set(id, root);
    return root;
  };
  const join = (a: string, b: string): void => {
    const [rootA, rootB] = [find(a), find(b)].sort();
    if (rootA !== undefined && rootB !== undefined && rootA !== rootB) parents.set(rootB, rootA);
  };
  const firstAsked = new Map<string, string>();
  for (const { conversationId, questionKey } of items) {
    const first = firstAsked.get(questionKey);
    if (first === undefined) firstAsked.set(questionKey, conversationId);
    else join(first, conversationId);
  }
  for (const [question, conversationId] of firstAsked) {
    for (const like of near.get(question) ?? []) {
      const other = firstAsked.get(like);
      if (other !== undefined) join(conversationId, other);
    }
  }
  const groups = new Map<string, { conversationIds: Set<string>; rows: number }>();
  for (const { conversationId, isRow } of items) {
    const root = find(conversationId);
    const group = groups.get(root) ?? { conversationIds: new Set<string>(), rows: 0 };
    group.conversationIds.add(conversationId);
    if (isRow) group.rows++;
    groups.set(root, group);
  }
  return [...groups.values()].map(({ conversationIds, rows }) => ({
    conversationIds: [...conversationIds].sort(),
    rows,
  }));
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

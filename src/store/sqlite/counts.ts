import type { Sql, SqlParams } from "./sql.ts";

/**
 * What readiness asks, kept as sums per scope and UTC day of the question, so that reading costs the same at any number
 * of turns. Every turn counts in its domain and in `*`. A conversation counts on the day of its first complete turn in
 * a scope, a rater on the day of the newest turn that they scored: both are then right for any window that ends now.
 */
export interface Counts {
  /**
   * Runs `change` on one turn (by its key column) or its feedback, inside a write, and moves the counts by the difference.
   * `wasCounted` false: the turn is known to have been in no count.
   */
  around(turnId: string, change: () => void, wasCounted?: boolean): void;
  rebuild(): void;
}

interface Counted {
  readonly conversation_id: string;
  readonly audience: string;
  readonly domain: string;
  readonly day: number;
  readonly scores: number;
  readonly score_sum: number;
  readonly is_example: number;
}

export function sqliteCounts(sql: Sql): Counts {
  const readTurn = sql.prepare<Counted>(`
    SELECT conversation_id, audience, domain, day, scores, score_sum, is_example FROM turn
    WHERE id = :turnId AND status = 'complete'`);
  const readRaters = sql.prepare<{ user_id: string }>(
    "SELECT user_id FROM feedback WHERE turn_id = :turnId AND score IS NOT NULL",
  );
  const addDay = prepareForScopes(sql, {
    into: "count_day (audience, domain, day, turns, feedback, score_sum, examples)",
    row: (domain) => `(:audience, ${domain}, :day, :sign, :sign * :scores, :sign * :sum, :sign * :isExample)`,
    onConflict: `turns = turns + excluded.turns, feedback = feedback + excluded.feedback,
      score_sum = score_sum + excluded.score_sum, examples = examples + excluded.examples`,
  });
  const addRater = prepareForScopes(sql, {
    into: "count_rater_day (audience, domain, user_id, day, scores)",
    row: (domain) => `(:audience, ${domain}, :user, :day, :sign)`,
    onConflict: "scores = scores + excluded.scores",
  });
  const conversations = distinctOn(sql, {
    table: "count_conversation",
    day: "first_day",
    count: "conversations",
    key: "conversation_id",
    actual: (domain) => `SELECT min(day) AS day FROM turn WHERE status = 'complete' AND conversation_id = :key
      AND audience = :audience AND (${domain} = '*' OR domain = ${domain})`,
  });
  const raters = distinctOn(sql, {
    table: "count_rater",
    day: "last_day",
    count: "raters",
    key: "user_id",
    actual: (domain) => `SELECT max(day) AS day FROM count_rater_day
      WHERE audience = :audience AND domain = ${domain} AND user_id = :key AND scores > 0`,
  });

  function read(turnId: string) {
    const turn = readTurn.get({ turnId });
    if (turn === undefined) return undefined;
    return { turn, raters: turn.scores === 0 ? [] : readRaters.all({ turnId }).map((row) => row.user_id) };
  }

  function add(state: ReturnType<typeof read>, sign: 1 | -1): void {
    if (state === undefined) return;
    const { audience, domain, day, scores, score_sum: sum, is_example: isExample } = state.turn;
    addDay.inBoth({ audience, domain, day, sign, scores, sum, isExample });
    for (const user of state.raters) addRater.inBoth({ audience, domain, user, day, sign });
  }

  function refresh(state: ReturnType<typeof read>): void {
    if (state === undefined) return;
    const { audience, domain, conversation_id } = state.turn;
    conversations.refresh(audience, domain, conversation_id);
    for (const user of state.raters) raters.refresh(audience, domain, user);
  }

  return {
    around(turnId, change, wasCounted = true) {
      const before = wasCounted ? read(turnId) : undefined;
      change();
      const after = read(turnId);
      if (JSON.stringify(before) === JSON.stringify(after)) return;
      add(before, -1);
      add(after, 1);
      refresh(before);
      refresh(after);
    },
    rebuild() {
      sql.write(() => sql.exec(REBUILD));
    },
  };
}

/** An upsert of one row in a domain, or of the same in the domain and in `*` at once. */
function prepareForScopes(
  sql: Sql,
  parts: { into: string; row: (domain: string) => string; onConflict: string },
): { inOne(params: SqlParams): void; inBoth(params: SqlParams): void } {
  const { into, row, onConflict } = parts;
  const prepare = (rows: string) =>
    sql.prepare(`INSERT INTO ${into} VALUES ${rows} ON CONFLICT DO UPDATE SET ${onConflict}`);
  const [one, both] = [prepare(row(":domain")), prepare(`${row(":domain")}, ${row("'*'")}`)];
  return { inOne: (params) => void one.run(params), inBoth: (params) => void both.run(params) };
}

interface Moved {
  readonly counted: number | null;
  readonly actual: number | null;
}

/** Counts each key once per scope, on its first or last day; remembers where it counted it. */
function distinctOn(
  sql: Sql,
  names: { table: string; day: string; count: string; key: string; actual: (domain: string) => string },
): { refresh(audience: string, domain: string, key: string): void } {
  const { table, day, count, key, actual } = names;
  const where = (domain: string) => `audience = :audience AND domain = ${domain} AND ${key} = :key`;
  const select = (domain: string) =>
    `SELECT (SELECT ${day} FROM ${table} WHERE ${where(domain)}) AS counted, (${actual(domain)}) AS actual`;
  const read = sql.prepare<Moved>(`${select(":domain")} UNION ALL ${select("'*'")}`);
  const forget = sql.prepare(`DELETE FROM ${table} WHERE ${where(":domain")}`);
  const note = prepareForScopes(sql, {
    into: `${table} (audience, domain, ${key}, ${day})`,
    row: (domain) => `(:audience, ${domain}, :key, :day)`,
    onConflict: `${day} = excluded.${day}`,
  });
  const move = prepareForScopes(sql, {
    into: `count_day (audience, domain, day, ${count})`,
    row: (domain) => `(:audience, ${domain}, :day, :step)`,
    onConflict: `${count} = ${count} + excluded.${count}`,
  });

  function moveOne(audience: string, domain: string, key: string, { counted, actual: to }: Moved): void {
    if (counted === to) return;
    if (counted !== null) move.inOne({ audience, domain, day: counted, step: -1 });
    if (to === null) forget.run({ audience, domain, key });
    else {
      note.inOne({ audience, domain, key, day: to });
      move.inOne({ audience, domain, day: to, step: 1 });
    }
  }

  return {
    refresh(audience, domain, key) {
      const [inDomain, inAll] = read.all({ audience, domain, key });
      if (inDomain === undefined || inAll === undefined) throw new TypeError(`Cannot count in ${table}: no figures`);
      const { counted, actual: to } = inDomain;
      const isNew = counted === null && inAll.counted === null && to !== null && to === inAll.actual;
      // What is said in a new conversation: the same in both.
      if (isNew) {
        note.inBoth({ audience, domain, key, day: to });
        move.inBoth({ audience, domain, day: to, step: 1 });
        return;
      }
      moveOne(audience, domain, key, inDomain);
      moveOne(audience, "*", key, inAll);
    },
  };
}

const DOMAIN = "iif(is_wide, '*', domain)";
const COMPLETE = "turn CROSS JOIN (SELECT 0 AS is_wide UNION ALL SELECT 1)";

/** The same figures from nothing but turns and feedback. */
const REBUILD = `
DELETE FROM count_day;
DELETE FROM count_conversation;
DELETE FROM count_rater_day;
DELETE FROM count_rater;
INSERT INTO count_day (audience, domain, day, turns, feedback, score_sum, examples)
  SELECT audience, ${DOMAIN}, day, count(*), sum(scores), sum(score_sum), sum(is_example)
  FROM ${COMPLETE} WHERE status = 'complete' GROUP BY 1, 2, 3;
INSERT INTO count_conversation (conversation_id, audience, domain, first_day)
  SELECT conversation_id, audience, ${DOMAIN}, min(day) FROM ${COMPLETE} WHERE status = 'complete' GROUP BY 1, 2, 3;
INSERT INTO count_rater_day (audience, domain, user_id, day, scores)
  SELECT audience, ${DOMAIN}, user_id, day, count(*) FROM ${COMPLETE} JOIN feedback ON turn_id = id
  WHERE status = 'complete' AND score IS NOT NULL GROUP BY 1, 2, 3, 4;
INSERT INTO count_rater (audience, domain, user_id, last_day)
  SELECT audience, domain, user_id, max(day) FROM count_rater_day GROUP BY 1, 2, 3;
INSERT INTO count_day (audience, domain, day, conversations)
  SELECT audience, domain, first_day, count(*) FROM count_conversation WHERE true GROUP BY 1, 2, 3
  ON CONFLICT DO UPDATE SET conversations = excluded.conversations;
INSERT INTO count_day (audience, domain, day, raters)
  SELECT audience, domain, last_day, count(*) FROM count_rater WHERE true GROUP BY 1, 2, 3
  ON CONFLICT DO UPDATE SET raters = excluded.raters;
`;

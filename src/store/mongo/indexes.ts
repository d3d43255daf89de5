/** Keys of each collection's indexes, as [fields, direction...]; every query of this folder is served by one of them or by `_id`. `key` is `_id` again: the wire
 * peer of the tests takes no index with `_id` beside other fields. */
type Index = Readonly<Record<string, 1 | -1>>;

export const INDEXES: Readonly<Record<string, readonly Index[]>> = {
  user_choice: [{ workspace: 1, learns: 1, user: 1 }],
  deletion: [
    { workspace: 1, user: 1, at: 1 },
    { at: 1, key: 1 },
  ],
  erased_place: [
    { workspace: 1, channel: 1, at: 1 },
    { at: 1, key: 1 },
  ],
  setting: [{ workspace: 1, set_at: 1 }],
  installation: [{ platform: 1, workspace: 1 }, { workspace: 1 }],
  audit_entry: [{ at: -1, order: -1 }],
  inbox_event: [
    { open: 1, platform: 1, received_at: 1, order: 1, due_at: 1 },
    { open: 1, received_at: 1 },
    { workspace: 1, user: 1, open: 1, received_at: 1 },
    { workspace: 1, channel: 1, message: 1, open: 1 },
  ],
  conversation: [
    { workspace: 1, channel: 1, thread: 1, is_closed: 1, last_turn_at: -1, key: -1 },
    { workspace: 1, channel: 1, last_turn_at: -1, key: -1 },
    { workspace: 1, last_turn_at: -1, key: -1 },
  ],
  turn: [
    { conversation: 1, position: -1, asked_at: -1, key: -1 },
    { workspace: 1, channel: 1, messages: 1, asked_at: -1, key: -1 },
    { platform: 1, status: 1, replied_at: -1, key: -1 },
    { audience: 1, status: 1, day: 1, domain: 1, scores: 1, score_sum: 1, is_example: 1 },
    { audience: 1, raters: 1, status: 1, day: -1 },
    { audience: 1, is_rated: 1, status: 1, asked_at: 1, key: 1 },
    { source: 1, status: 1, is_disliked: 1 },
    { regeneration_of: 1, status: 1 },
    { examples: 1 },
    { givers: 1 },
    { endorsers: 1 },
    { is_erased: 1, workspace: 1, asked_at: 1 },
    { workspace: 1, channel: 1, is_erased: 1, asked_at: 1 },
    { workspace: 1, asker: 1, is_erased: 1, asked_at: 1, key: 1 },
  ],
  delivery: [{ turn: 1, part: 1 }],
  report: [
    { turn: 1 },
    { workspace: 1, is_closed: 1, at: -1, turn: -1, reported_by: -1 },
    { workspace: 1, reported_by: 1, at: 1, turn: 1 },
  ],
  run: [
    { requested_at: -1, key: -1 },
    { audience: 1, requested_at: -1, key: -1 },
  ],
  run_event: [{ run: 1, sequence: 1 }],
  adapter: [
    { created_at: -1, key: -1 },
    { audience: 1, created_at: -1, key: -1 },
  ],
  service: [{ audience: 1, domain: 1 }],
  model_use: [{ last_used_at: -1, key: 1 }],
  count_day: [{ audience: 1, domain: 1, day: 1 }],
  count_distinct: [{ kind: 1, audience: 1, domain: 1, day: 1 }],
  turn_vector: [{ turn: 1 }],
  cache_entry: [
    { scope: 1, created_at: -1 },
    { scope: 1, signature: 1, created_at: -1 },
    { turn: 1 },
    { created_at: -1, order: -1 },
    { scope: 1, order: 1 },
    { expires_at: 1 },
    { bytes: 1 },
  ],
};

/** An hour after this moment of a record MongoDB itself deletes it: nobody finds it before. */
export const EXPIRING: readonly (readonly [collection: string, field: string])[] = [["cache_entry", "expires_on"]];

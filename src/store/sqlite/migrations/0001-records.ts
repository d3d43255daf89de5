/**
 * A table per record: `document` is the record, the other columns are copies of its fields to find it by, or figures
 * derived from other records (`scores`, `is_rated`...). `audience` is the JSON array of workspace and audience.
 */
export const records = `
CREATE TABLE inbox_event (
  id TEXT PRIMARY KEY, state TEXT NOT NULL, received_at INTEGER NOT NULL, lease_until INTEGER NOT NULL,
  version INTEGER NOT NULL, document TEXT NOT NULL
) STRICT;
CREATE INDEX inbox_event_open ON inbox_event (received_at) WHERE state <> 'done';

CREATE TABLE conversation (
  id TEXT PRIMARY KEY, workspace TEXT NOT NULL, channel TEXT NOT NULL, thread TEXT, is_closed INTEGER NOT NULL,
  last_turn_at INTEGER NOT NULL, version INTEGER NOT NULL, document TEXT NOT NULL
) STRICT;
CREATE INDEX conversation_open ON conversation (workspace, channel, thread, last_turn_at) WHERE is_closed = 0;
CREATE INDEX conversation_newest ON conversation (workspace, last_turn_at);

CREATE TABLE turn (
  id TEXT PRIMARY KEY, conversation_id TEXT NOT NULL, position INTEGER NOT NULL, audience TEXT NOT NULL,
  domain TEXT NOT NULL, status TEXT NOT NULL, asked_at INTEGER NOT NULL, day INTEGER NOT NULL,
  source_turn_id TEXT, regeneration_of TEXT,
  scores INTEGER NOT NULL DEFAULT 0, score_sum INTEGER NOT NULL DEFAULT 0, is_example INTEGER NOT NULL DEFAULT 0,
  is_disliked INTEGER NOT NULL DEFAULT 0, has_feedback INTEGER NOT NULL DEFAULT 0, is_rated INTEGER NOT NULL DEFAULT 0,
  version INTEGER NOT NULL, document TEXT NOT NULL
) STRICT;
CREATE INDEX turn_history ON turn (conversation_id, position);
CREATE INDEX turn_first ON turn (conversation_id, audience, domain, day) WHERE status = 'complete';
CREATE INDEX turn_rated ON turn (audience, asked_at, id) WHERE is_rated = 1;
CREATE INDEX turn_served ON turn (source_turn_id) WHERE source_turn_id IS NOT NULL;
CREATE INDEX turn_regenerated ON turn (regeneration_of) WHERE regeneration_of IS NOT NULL;

CREATE TABLE turn_message (
  workspace TEXT NOT NULL, channel TEXT NOT NULL, message TEXT NOT NULL, turn_id TEXT NOT NULL,
  PRIMARY KEY (workspace, channel, message, turn_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX turn_message_of ON turn_message (turn_id);

CREATE TABLE feedback (
  turn_id TEXT NOT NULL, user_id TEXT NOT NULL, score INTEGER, version INTEGER NOT NULL, document TEXT NOT NULL,
  PRIMARY KEY (turn_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE delivery (
  turn_id TEXT NOT NULL, part INTEGER NOT NULL, version INTEGER NOT NULL, document TEXT NOT NULL,
  PRIMARY KEY (turn_id, part)
) STRICT, WITHOUT ROWID;

CREATE TABLE count_day (
  audience TEXT NOT NULL, domain TEXT NOT NULL, day INTEGER NOT NULL, conversations INTEGER NOT NULL DEFAULT 0,
  turns INTEGER NOT NULL DEFAULT 0, feedback INTEGER NOT NULL DEFAULT 0, score_sum INTEGER NOT NULL DEFAULT 0,
  examples INTEGER NOT NULL DEFAULT 0, raters INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (audience, domain, day)
) STRICT, WITHOUT ROWID;
CREATE TABLE count_conversation (
  conversation_id TEXT NOT NULL, audience TEXT NOT NULL, domain TEXT NOT NULL, first_day INTEGER NOT NULL,
  PRIMARY KEY (conversation_id, audience, domain)
) STRICT, WITHOUT ROWID;
CREATE TABLE count_rater_day (
  audience TEXT NOT NULL, domain TEXT NOT NULL, user_id TEXT NOT NULL, day INTEGER NOT NULL, scores INTEGER NOT NULL,
  PRIMARY KEY (audience, domain, user_id, day)
) STRICT, WITHOUT ROWID;
CREATE TABLE count_rater (
  audience TEXT NOT NULL, domain TEXT NOT NULL, user_id TEXT NOT NULL, last_day INTEGER NOT NULL,
  PRIMARY KEY (audience, domain, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE dataset (hash TEXT PRIMARY KEY, version INTEGER NOT NULL, document TEXT NOT NULL) STRICT;
CREATE TABLE run (
  id TEXT PRIMARY KEY, audience TEXT NOT NULL, domain TEXT NOT NULL, requested_at INTEGER NOT NULL,
  version INTEGER NOT NULL, document TEXT NOT NULL
) STRICT;
CREATE INDEX run_newest ON run (requested_at);
CREATE INDEX run_of_audience ON run (audience, requested_at);
CREATE TABLE run_event (
  run_id TEXT NOT NULL, sequence INTEGER NOT NULL, version INTEGER NOT NULL, document TEXT NOT NULL,
  PRIMARY KEY (run_id, sequence)
) STRICT, WITHOUT ROWID;
CREATE TABLE adapter (
  digest TEXT PRIMARY KEY, audience TEXT NOT NULL, domain TEXT NOT NULL, created_at INTEGER NOT NULL,
  version INTEGER NOT NULL, document TEXT NOT NULL
) STRICT;
CREATE TABLE service (
  audience TEXT NOT NULL, domain TEXT NOT NULL, epoch INTEGER NOT NULL, version INTEGER NOT NULL, document TEXT NOT NULL,
  PRIMARY KEY (audience, domain)
) STRICT, WITHOUT ROWID;

CREATE TABLE permission (workspace TEXT PRIMARY KEY, version INTEGER NOT NULL, document TEXT NOT NULL) STRICT;
CREATE TABLE user_choice (
  workspace TEXT NOT NULL, user_id TEXT NOT NULL, learns INTEGER NOT NULL, version INTEGER NOT NULL, document TEXT NOT NULL,
  PRIMARY KEY (workspace, user_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE audit_entry (id TEXT PRIMARY KEY, at INTEGER NOT NULL, version INTEGER NOT NULL, document TEXT NOT NULL) STRICT;
CREATE INDEX audit_entry_newest ON audit_entry (at);
CREATE TABLE deletion (
  workspace TEXT NOT NULL, user_id TEXT NOT NULL, at INTEGER NOT NULL, version INTEGER NOT NULL, document TEXT NOT NULL,
  PRIMARY KEY (workspace, user_id, at)
) STRICT, WITHOUT ROWID;
CREATE TABLE model_use (
  digest TEXT PRIMARY KEY, last_used_at INTEGER NOT NULL, version INTEGER NOT NULL, document TEXT NOT NULL
) STRICT;

CREATE TABLE lease (
  name TEXT PRIMARY KEY, holder TEXT NOT NULL, fencing_token INTEGER NOT NULL, until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE cache_entry (
  id INTEGER PRIMARY KEY AUTOINCREMENT, scope TEXT NOT NULL, question_hash TEXT NOT NULL, signature_hash TEXT,
  turn_id TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, hits INTEGER NOT NULL,
  document TEXT NOT NULL, vector BLOB
) STRICT;
CREATE UNIQUE INDEX cache_entry_exact ON cache_entry (scope, question_hash);
CREATE INDEX cache_entry_signature ON cache_entry (scope, signature_hash, created_at) WHERE signature_hash IS NOT NULL;
CREATE INDEX cache_entry_turn ON cache_entry (turn_id);
CREATE INDEX cache_entry_newest ON cache_entry (created_at);
CREATE INDEX cache_entry_oldest ON cache_entry (scope, created_at);
CREATE TABLE cache_count (name TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE job (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, job_key TEXT NOT NULL, priority REAL NOT NULL, attempts_max INTEGER NOT NULL,
  due_at INTEGER NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL, created_at INTEGER NOT NULL,
  ended_at INTEGER, error TEXT, worker TEXT, lease_until INTEGER NOT NULL, is_cancelled INTEGER NOT NULL,
  request TEXT NOT NULL
) STRICT;
CREATE INDEX job_due ON job (kind, priority, due_at) WHERE state IN ('queued', 'running');
CREATE INDEX job_running_key ON job (job_key) WHERE state = 'running';
CREATE INDEX job_newest ON job (created_at);
`;

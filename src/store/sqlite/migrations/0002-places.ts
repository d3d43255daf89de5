/**
 * What Discord and Slack need: records of places, and columns to find a person's or a place's words by. `document -> path` gives
 * the text as it stands in the JSON, which between its quotes is what `keyText` writes.
 */
export const places = `
CREATE TABLE setting (
  workspace TEXT NOT NULL, channel TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, document TEXT NOT NULL,
  PRIMARY KEY (workspace, channel, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE setting_revision (revision INTEGER NOT NULL) STRICT;
INSERT INTO setting_revision (revision) VALUES (0);

CREATE TABLE report (
  turn_id TEXT NOT NULL, reported_by TEXT NOT NULL, workspace TEXT NOT NULL, channel TEXT NOT NULL,
  is_closed INTEGER NOT NULL, at INTEGER NOT NULL, version INTEGER NOT NULL, document TEXT NOT NULL,
  PRIMARY KEY (turn_id, reported_by)
) STRICT, WITHOUT ROWID;
CREATE INDEX report_newest ON report (workspace, is_closed, at);
CREATE INDEX report_of_person ON report (workspace, reported_by);

CREATE TABLE installation (
  platform TEXT NOT NULL, workspace TEXT NOT NULL, version INTEGER NOT NULL, document TEXT NOT NULL,
  PRIMARY KEY (platform, workspace)
) STRICT, WITHOUT ROWID;
CREATE TABLE cursor (key TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE mark (
  key TEXT PRIMARY KEY, version INTEGER NOT NULL, document TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE turn_vector (
  turn_id TEXT NOT NULL, embedder TEXT NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (turn_id, embedder)
) STRICT, WITHOUT ROWID;

CREATE TABLE erased_place (
  workspace TEXT NOT NULL, channel TEXT NOT NULL, at INTEGER NOT NULL, version INTEGER NOT NULL, document TEXT NOT NULL,
  PRIMARY KEY (workspace, channel, at)
) STRICT, WITHOUT ROWID;
CREATE TABLE unfinished_erasure (
  workspace TEXT NOT NULL, channel TEXT NOT NULL, user_id TEXT NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (workspace, channel, user_id)
) STRICT, WITHOUT ROWID;

ALTER TABLE inbox_event ADD COLUMN platform TEXT NOT NULL DEFAULT '';
ALTER TABLE inbox_event ADD COLUMN workspace TEXT NOT NULL DEFAULT '';
ALTER TABLE inbox_event ADD COLUMN channel TEXT NOT NULL DEFAULT '';
ALTER TABLE inbox_event ADD COLUMN user_id TEXT NOT NULL DEFAULT '';
ALTER TABLE inbox_event ADD COLUMN message TEXT NOT NULL DEFAULT '';
UPDATE inbox_event SET
  platform = trim(document -> '$.message.platform', '"'),
  workspace = substr(document -> '$.message.workspaceId', 2, length(document -> '$.message.workspaceId') - 2),
  channel = substr(document -> '$.message.channelId', 2, length(document -> '$.message.channelId') - 2),
  user_id = substr(document -> '$.message.userId', 2, length(document -> '$.message.userId') - 2),
  message = substr(document -> '$.message.messageId', 2, length(document -> '$.message.messageId') - 2);
CREATE INDEX inbox_event_open_of ON inbox_event (platform, received_at) WHERE state <> 'done';
CREATE INDEX inbox_event_done ON inbox_event (received_at) WHERE state = 'done';
CREATE INDEX inbox_event_of_person ON inbox_event (workspace, user_id);
CREATE INDEX inbox_event_of_message ON inbox_event (workspace, channel, message);

ALTER TABLE conversation ADD COLUMN is_erased INTEGER NOT NULL DEFAULT 0;

ALTER TABLE turn ADD COLUMN platform TEXT NOT NULL DEFAULT '';
ALTER TABLE turn ADD COLUMN workspace TEXT NOT NULL DEFAULT '';
ALTER TABLE turn ADD COLUMN channel TEXT NOT NULL DEFAULT '';
ALTER TABLE turn ADD COLUMN asker TEXT NOT NULL DEFAULT '';
ALTER TABLE turn ADD COLUMN replied_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE turn ADD COLUMN is_erased INTEGER NOT NULL DEFAULT 0;
UPDATE turn SET
  platform = trim(document -> '$.platform', '"'),
  workspace = substr(document -> '$.workspaceId', 2, length(document -> '$.workspaceId') - 2),
  channel = substr(document -> '$.channelId', 2, length(document -> '$.channelId') - 2),
  asker = substr(document -> '$.askerId', 2, length(document -> '$.askerId') - 2),
  replied_at = coalesce(document ->> '$.repliedAtMs', asked_at);
CREATE INDEX turn_recent ON turn (platform, replied_at) WHERE status = 'complete';
CREATE INDEX turn_of_person ON turn (workspace, asker, asked_at) WHERE is_erased = 0;
CREATE INDEX turn_of_place ON turn (workspace, channel, asked_at) WHERE is_erased = 0;
CREATE INDEX turn_of_workspace ON turn (workspace, asked_at) WHERE is_erased = 0;

CREATE TABLE turn_example (
  example_id TEXT NOT NULL, turn_id TEXT NOT NULL, PRIMARY KEY (example_id, turn_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX turn_example_of ON turn_example (turn_id);

ALTER TABLE feedback ADD COLUMN workspace TEXT NOT NULL DEFAULT '';
ALTER TABLE feedback ADD COLUMN endorsers INTEGER NOT NULL DEFAULT 0;
UPDATE feedback SET
  workspace = substr(document -> '$.workspaceId', 2, length(document -> '$.workspaceId') - 2),
  endorsers = json_array_length(document, '$.endorsedBy');
CREATE INDEX feedback_of_person ON feedback (workspace, user_id);
CREATE INDEX feedback_endorsed ON feedback (workspace) WHERE endorsers > 0;

CREATE INDEX job_ended ON job (ended_at) WHERE state IN ('succeeded', 'failed', 'cancelled');
`;

/**
 * What a store of a million turns needs: places of a large workspace, domains of a large audience and old cache entries are found
 * without walking past the others, and the size of the cache is kept, not counted.
 */
export const sizes = `
CREATE INDEX conversation_of_channel ON conversation (workspace, channel, last_turn_at);
CREATE INDEX turn_rated_of ON turn (audience, domain, asked_at, id) WHERE is_rated = 1;
CREATE INDEX adapter_newest ON adapter (created_at);
CREATE INDEX cache_entry_expiring ON cache_entry (expires_at);

CREATE TABLE cache_size (entries INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
INSERT INTO cache_size (entries, bytes)
  SELECT count(*), coalesce(sum(length(document) + coalesce(length(vector), 0)), 0) FROM cache_entry;
CREATE TRIGGER cache_entry_added AFTER INSERT ON cache_entry BEGIN
  UPDATE cache_size SET entries = entries + 1, bytes = bytes + length(new.document) + coalesce(length(new.vector), 0);
END;
CREATE TRIGGER cache_entry_removed AFTER DELETE ON cache_entry BEGIN
  UPDATE cache_size SET entries = entries - 1, bytes = bytes - length(old.document) - coalesce(length(old.vector), 0);
END;
`;

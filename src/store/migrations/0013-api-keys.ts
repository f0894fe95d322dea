/** Keys of the gateway: what is stored of one does not tell what it is. */
export const apiKeys = `
CREATE TABLE api_keys (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  digest BLOB NOT NULL CHECK (length(digest) = 32),
  uid INTEGER NOT NULL,
  user TEXT NOT NULL,
  scopes TEXT NOT NULL,
  runtimes TEXT,
  rate TEXT,
  quota TEXT,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  used_at INTEGER,
  quota_left REAL
) STRICT, WITHOUT ROWID;
`;

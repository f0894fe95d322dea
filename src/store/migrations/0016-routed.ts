/** What the learned router sent where, and what came of it: its history, its statistics and what it learns from. */
export const routed = `
CREATE TABLE routed (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  uid INTEGER NOT NULL,
  type TEXT NOT NULL,
  priority INTEGER NOT NULL,
  latency INTEGER NOT NULL,
  cost_sensitivity INTEGER NOT NULL,
  requires_gpu INTEGER NOT NULL,
  node TEXT NOT NULL CHECK (node IN ('EDGE','CLOUD','GPU')),
  confidence REAL NOT NULL,
  seconds REAL NOT NULL,
  cost REAL NOT NULL,
  succeeded INTEGER NOT NULL,
  explanation TEXT NOT NULL,
  features TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX routed_node ON routed(node, seq);
`;

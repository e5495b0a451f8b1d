CREATE TABLE traces (
  id INTEGER PRIMARY KEY, trace_id TEXT NOT NULL UNIQUE, session_id TEXT NOT NULL, name TEXT NOT NULL, rank INTEGER NOT NULL,
  named_at INTEGER NOT NULL, service TEXT, environment TEXT, route TEXT, state TEXT, reason TEXT, start INTEGER NOT NULL, end INTEGER NOT NULL,
  spans INTEGER NOT NULL, errors INTEGER NOT NULL, model_calls INTEGER NOT NULL, tool_calls INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cost REAL NOT NULL, updated INTEGER NOT NULL
) STRICT;
CREATE INDEX traces_start ON traces (start);
CREATE INDEX traces_state ON traces (state, start);
CREATE INDEX traces_session ON traces (session_id, start);
CREATE INDEX traces_updated ON traces (updated);
CREATE TABLE spans (
  id INTEGER PRIMARY KEY, trace INTEGER NOT NULL, span_id TEXT NOT NULL, parent_id TEXT, type TEXT NOT NULL, name TEXT NOT NULL,
  label TEXT NOT NULL, status INTEGER NOT NULL, start INTEGER NOT NULL, duration INTEGER NOT NULL, model TEXT,
  input_tokens INTEGER, output_tokens INTEGER, cost REAL, note TEXT, call_id TEXT, incomplete INTEGER, raw TEXT NOT NULL,
  UNIQUE (trace, span_id)
) STRICT;
CREATE INDEX spans_id ON spans (span_id);
CREATE TABLE labels (kind TEXT NOT NULL, value TEXT NOT NULL, trace INTEGER NOT NULL, PRIMARY KEY (trace, kind, value)) STRICT, WITHOUT ROWID;
CREATE INDEX labels_value ON labels (kind, value, trace);
CREATE TABLE facets (kind TEXT NOT NULL, value TEXT NOT NULL, sessions INTEGER NOT NULL, PRIMARY KEY (kind, value)) STRICT, WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5 (text, content='', contentless_delete=1, detail=none);
CREATE TABLE sums (
  at INTEGER NOT NULL, type TEXT NOT NULL, name TEXT NOT NULL, service TEXT NOT NULL, environment TEXT NOT NULL, calls INTEGER NOT NULL,
  errors INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cost REAL NOT NULL,
  PRIMARY KEY (at, type, name, service, environment)
) STRICT, WITHOUT ROWID;
CREATE TABLE latencies (
  at INTEGER NOT NULL, service TEXT NOT NULL, environment TEXT NOT NULL, bin INTEGER NOT NULL, sessions INTEGER NOT NULL,
  PRIMARY KEY (at, service, environment, bin)
) STRICT, WITHOUT ROWID;
CREATE TABLE marks (trace INTEGER NOT NULL, span INTEGER NOT NULL) STRICT;
INSERT INTO marks VALUES (0, 0);

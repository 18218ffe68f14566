"""The ledger's statements in PostgreSQL's own words: they run for every point, coupon and cent."""

from __future__ import annotations

from typing import Final

_ACCOUNT = "SELECT id, kind, unit, digits, holder_type, holder_key, balance, held, may_go_below, counter"

ACCOUNTS: Final = f"{_ACCOUNT} FROM ledger_accounts WHERE id = ANY($1::uuid[])"

# In one order everywhere, so that two postings never wait for each other in a circle. A counter keeps no figure that
# could be wrong, so nobody waits for it.
LOCK: Final = (
    f"WITH kept AS MATERIALIZED ({_ACCOUNT} FROM ledger_accounts WHERE id = ANY($1::uuid[]) AND NOT counter "
    f"ORDER BY id FOR NO KEY UPDATE) SELECT * FROM kept "
    f"UNION ALL {_ACCOUNT} FROM ledger_accounts WHERE id = ANY($1::uuid[]) AND counter"
)

OPEN: Final = (
    "INSERT INTO ledger_accounts (tenant_id, id, kind, unit, digits, holder_type, holder_key, balance, held, "
    "may_go_below, counter, create_time, update_time, row_version) "
    "SELECT $1, a.id, a.kind, a.unit, a.digits, a.holder_type, a.holder_key, a.balance, 0, "
    "a.may_go_below, a.counter, $2, $2, 1 "
    "FROM unnest($3::uuid[], $4::text[], $5::text[], $6::int[], $7::text[], $8::text[], $9::numeric[], $10::bool[], "
    "$11::bool[]) AS a(id, kind, unit, digits, holder_type, holder_key, balance, may_go_below, counter) "
    "ON CONFLICT DO NOTHING"
)

SUMS: Final = (
    "SELECT account_id, sum(amount) AS balance FROM fenced.ledger_entries "
    "WHERE account_id = ANY($1::uuid[]) AND ($2::timestamptz IS NULL OR occur_time <= $2) GROUP BY account_id"
)

POSTINGS: Final = (
    "SELECT p.id, p.key, p.reason, p.reference, p.occur_time, e.account_id, e.amount "
    "FROM ledger_postings p JOIN ledger_entries e ON e.tenant_id = p.tenant_id AND e.posting_id = p.id "
    "WHERE p.key = ANY($1::text[]) ORDER BY p.key, e.account_id"
)

REVERSALS: Final = "SELECT reverses_id, key FROM ledger_postings WHERE reverses_id = ANY($1::uuid[])"

MOVED_UNDER: Final = (
    "SELECT coalesce(sum(e.amount), 0) AS moved, count(*) AS count FROM ledger_postings p "
    "JOIN ledger_entries e ON e.tenant_id = p.tenant_id AND e.posting_id = p.id "
    "WHERE p.reference = $2 AND e.account_id = $1"
)

POST: Final = (
    "WITH posted AS (INSERT INTO ledger_postings (tenant_id, id, key, reason, reference, note, reverses_id, "
    "occur_time, digest, user_id, create_time, update_time, row_version) "
    "SELECT $1, p.id, p.key, p.reason, p.reference, p.note, p.reverses_id, p.occur_time, p.digest, $3, $2, $2, 1 "
    "FROM unnest($4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::uuid[], $10::timestamptz[], "
    "$11::text[]) AS p(id, key, reason, reference, note, reverses_id, occur_time, digest) "
    "RETURNING id, reason, reference, note, user_id, occur_time) "
    "INSERT INTO ledger_entries (tenant_id, id, posting_id, account_id, amount, balance_after, reason, reference, "
    "note, user_id, occur_time, create_time, update_time, row_version) "
    "SELECT $1, e.id, e.posting_id, e.account_id, e.amount, e.balance_after, p.reason, p.reference, p.note, "
    "p.user_id, p.occur_time, $2, $2, 1 "
    "FROM unnest($12::uuid[], $13::uuid[], $14::uuid[], $15::numeric[], $16::numeric[]) "
    "AS e(id, posting_id, account_id, amount, balance_after) JOIN posted p ON p.id = e.posting_id"
)

MOVE: Final = (
    "UPDATE ledger_accounts AS a SET balance = a.balance + d.balance, held = a.held + d.held, update_time = $4, "
    "row_version = a.row_version + 1 FROM unnest($1::uuid[], $2::numeric[], $3::numeric[]) AS d(id, balance, held) "
    "WHERE a.id = d.id"
)

_HOLD = "SELECT key, account_id, amount, state, expire_time FROM ledger_holds "

HOLDS: Final = _HOLD + "WHERE key = ANY($1::text[])"

DUE: Final = _HOLD + "WHERE state = 'HELD' AND expire_time <= $1 ORDER BY expire_time LIMIT $2"

DUE_OF: Final = _HOLD + "WHERE account_id = $1 AND state = 'HELD' AND expire_time <= $2"

HOLD: Final = (
    "INSERT INTO ledger_holds (tenant_id, id, key, account_id, amount, state, expire_time, create_time, update_time, "
    "row_version) SELECT $1, h.id, h.key, h.account_id, h.amount, 'HELD', h.expire_time, $2, $2, 1 "
    "FROM unnest($3::uuid[], $4::text[], $5::uuid[], $6::numeric[], $7::timestamptz[]) "
    "AS h(id, key, account_id, amount, expire_time)"
)

END: Final = (
    "UPDATE ledger_holds AS h SET state = e.state, end_time = $3, update_time = $3, row_version = h.row_version + 1 "
    "FROM unnest($1::text[], $2::text[]) AS e(key, state) WHERE h.key = e.key"
)

# What must always be so: each names what breaks it.
WRONG_BALANCES: Final = (
    "SELECT a.id FROM ledger_accounts a LEFT JOIN (SELECT account_id, sum(amount) AS total FROM ledger_entries "
    "GROUP BY account_id) e ON e.account_id = a.id WHERE NOT a.counter AND a.balance <> coalesce(e.total, 0) LIMIT 100"
)
WRONG_POSTINGS: Final = (
    "SELECT DISTINCT e.posting_id AS id FROM ledger_entries e JOIN ledger_accounts a ON a.id = e.account_id "
    "AND a.tenant_id = e.tenant_id GROUP BY e.posting_id, a.kind, a.unit HAVING sum(e.amount) <> 0 LIMIT 100"
)
WRONG_HOLDS: Final = (
    "SELECT a.id FROM ledger_accounts a LEFT JOIN (SELECT account_id, sum(amount) AS total FROM ledger_holds "
    "WHERE state = 'HELD' GROUP BY account_id) h ON h.account_id = a.id WHERE a.held <> coalesce(h.total, 0) LIMIT 100"
)
SHORT_ACCOUNTS: Final = (
    "SELECT id FROM ledger_accounts WHERE NOT counter AND NOT may_go_below "
    "AND (balance - held < 0 OR held < 0) LIMIT 100"
)
COUNTS: Final = (
    "SELECT (SELECT count(*) FROM ledger_accounts) AS accounts, (SELECT count(*) FROM ledger_postings) AS postings"
)

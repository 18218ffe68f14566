"""Identity: who is this person or company, how sure are we, and how is that taken back.

Intake calls one function, in the transaction in which it writes its leads:

    from tercet_leads.cleaning import clean_lead
    from tercet_leads.identity.recognition import Recognition, Trace, recognise

    traces = [Trace(clean_lead(raw), identity_id=None, origin="lead", origin_id=lead_id) for raw in batch]
    found: list[Recognition] = await recognise(tx, traces)     # one per trace, in order

A `Recognition` carries `identity_id`, `party_id`, `link_state` (UNRESOLVED | PROBABLE | CONFIRMED), `is_new_party`,
`score` and `explanation` (`[{"feature": "mobile", "agreement": "exact_1", "weight": 6.1}, …]`). Two traces of one
batch may become one party; the strong keys of the whole batch are locked in sorted order first, so two batches at
once with one phone become one party as well. Rules (`rules*.py`, `evidence.py`, `blocking.py`) are pure; `memory.py`
runs them without a database.
"""

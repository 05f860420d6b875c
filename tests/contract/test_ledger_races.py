"""What several processes do to the ledger of jobs at the same moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from service.domain.deliveries import DeliveryState
from service.domain.jobs import JobStatus
from service.domain.work import Work, WorkKind
from service.ports.ledger import IdempotencyKey, LeaseLostError
from tests.contract.batch_suite import BatchHome, a_batch, a_batch_job
from tests.contract.ledger_suite import NOW, a_delivery, a_failure, a_job, a_try, an_ending
from tests.contract.racing import RaceSuite, at_once, row

KEY = IdempotencyKey("key-1", "digest-1")
LATER = NOW + timedelta(minutes=5)
SECOND = timedelta(seconds=1)


class TestAccepting(RaceSuite):
    async def test_of_requests_with_one_key_one_becomes_a_job_and_all_can_read_it(
        self, fleet: Sequence[BatchHome], postgres_url: str
    ) -> None:
        requests = [at.home.ledger.accept(a_job(), idempotency=KEY) for at in fleet for _ in range(5)]
        accepted = await at_once(postgres_url, "LOCK TABLE idempotency_keys", *requests)
        assert sorted(each.replayed for each in accepted) == [False] + [True] * 14
        [job_id] = {each.job_id for each in accepted}
        assert all([await at.home.ledger.job("acme", job_id) for at in fleet])
        assert await fleet[0].home.ledger.unfinished_count("acme") == 1
        assert [work.ref for work in await fleet[0].home.work(WorkKind.JOB)] == [job_id]

    async def test_a_key_whose_request_came_to_nothing_is_free_for_the_one_that_waited(
        self, fleet: Sequence[BatchHome], postgres_url: str
    ) -> None:
        taken = "INSERT INTO idempotency_keys VALUES ('acme', 'key-1', 'digest-0', 9000000000000000, 'job_none')"
        [accepted] = await at_once(postgres_url, taken, fleet[0].home.ledger.accept(a_job(), idempotency=KEY))
        assert not accepted.replayed

    async def test_batches_with_one_key_are_one_batch(self, fleet: Sequence[BatchHome], postgres_url: str) -> None:
        jobs = [a_batch_job() for _ in fleet]
        requests = [
            at.batches.accept_batch(job, a_batch(job), idempotency=KEY) for at, job in zip(fleet, jobs, strict=True)
        ]
        accepted = await at_once(postgres_url, "LOCK TABLE idempotency_keys", *requests)
        assert sorted(each.replayed for each in accepted) == [False, True, True]
        assert [await fleet[0].batches.batch(None, job.id) is not None for job in jobs] == [
            not each.replayed for each in accepted
        ]


class TestRunning(RaceSuite):
    async def test_each_taking_has_a_run_of_its_own_and_one_is_told(
        self, fleet: Sequence[BatchHome], postgres_url: str
    ) -> None:
        job = a_job()
        await fleet[0].home.ledger.accept(job)
        takings = [at.home.ledger.begin(job.id, now=NOW) for at in fleet for _ in range(4)]
        taken = await at_once(postgres_url, row("jobs", job.id), *takings)
        assert sorted(each.run for each in taken) == list(range(1, 13))
        events = await fleet[0].home.ledger.events(job.id, after=0, limit=99)
        assert [(event.sequence, event.type) for event in events] == [(1, "job.queued"), (2, "job.running")]

    async def test_a_job_ends_once_whoever_ends_it(self, fleet: Sequence[BatchHome], postgres_url: str) -> None:
        job = await fleet[0].home.begun()
        ends = [at.home.ledger.finish(job, an_ending(), a_delivery(job)) for at in fleet]
        ends += [at.home.ledger.finish(job, a_failure(status=JobStatus.CANCELED), None) for at in fleet]
        ended = await at_once(postgres_url, row("jobs", job.id), *ends)
        assert sorted(ended) == [False] * 5 + [True]
        read = await fleet[0].home.ledger.job(None, job.id)
        assert read is not None
        assert len(await fleet[0].home.ledger.deliveries("acme", job.id)) == int(read.status is JobStatus.SUCCEEDED)
        assert [event.sequence for event in await fleet[0].home.ledger.events(job.id, after=0, limit=9)] == [1, 2, 3]

    async def test_who_ends_a_job_and_who_takes_it_over_do_not_both_have_it(
        self, fleet: Sequence[BatchHome], postgres_url: str
    ) -> None:
        job = await fleet[0].home.begun()
        ended, taken = await at_once(
            postgres_url,
            row("jobs", job.id),
            fleet[0].home.ledger.finish(job, an_ending(), None),
            fleet[1].home.ledger.begin(job.id, now=LATER),
        )
        assert isinstance(ended, LeaseLostError) == (not taken.finished)
        assert taken.run == (1 if taken.finished else 2)

    async def test_a_wish_to_cancel_meets_the_end_without_changing_it(
        self, fleet: Sequence[BatchHome], postgres_url: str
    ) -> None:
        job = await fleet[0].home.begun()
        ended, wished = await at_once(
            postgres_url,
            row("jobs", job.id),
            fleet[0].home.ledger.finish(job, an_ending(), None),
            fleet[1].home.ledger.request_cancel("acme", job.id, now=LATER),
        )
        assert ended is True
        assert (wished.cancel_requested_at is None) == wished.finished
        read = await fleet[2].home.ledger.job(None, job.id)
        assert read is not None
        assert (read.status, read.cancel_requested_at) == (JobStatus.SUCCEEDED, wished.cancel_requested_at)

    async def test_work_deferred_by_several_is_kept_once_at_the_earliest_moment(
        self, fleet: Sequence[BatchHome], postgres_url: str
    ) -> None:
        def work(n: int) -> Work:
            return Work(kind=WorkKind.HOUSEKEEPING, ref="prune", due_at=LATER - n * SECOND)

        deferring = [at.home.ledger.schedule(work(n)) for n, at in enumerate(fleet)]
        await at_once(postgres_url, "LOCK TABLE work", *deferring)
        assert await fleet[0].home.work(WorkKind.HOUSEKEEPING) == [work(2)]


class TestDelivering(RaceSuite):
    async def test_attempts_of_several_get_numbers_of_their_own(
        self, fleet: Sequence[BatchHome], postgres_url: str
    ) -> None:
        _, delivery = await fleet[0].home.finished()
        recording = [
            at.home.ledger.record_delivery(delivery, a_try(), state=DeliveryState.PENDING, next_attempt_at=NOW)
            for at in fleet
            for _ in range(3)
        ]
        gate = row("deliveries", delivery.id)
        assert await at_once(postgres_url, gate, *recording) == [None] * 9
        read = await fleet[0].home.ledger.delivery(None, delivery.id)
        assert read is not None
        assert [attempt.number for attempt in read.attempts] == list(range(1, 10))

    async def test_a_new_schedule_by_hand_is_not_undone_by_an_attempt_that_was_out(
        self, fleet: Sequence[BatchHome], postgres_url: str
    ) -> None:
        _, delivery = await fleet[0].home.finished()
        await at_once(
            postgres_url,
            row("deliveries", delivery.id),
            fleet[0].home.ledger.redeliver("acme", delivery.id, now=LATER),
            fleet[1].home.ledger.record_delivery(delivery, a_try(), state=DeliveryState.FAILED, next_attempt_at=None),
        )
        read = await fleet[0].home.ledger.delivery(None, delivery.id)
        assert read is not None
        assert (read.state, read.next_attempt_at, len(read.attempts)) == (DeliveryState.PENDING, LATER, 1)

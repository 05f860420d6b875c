"""Deliveries, retention and what is watched."""

from __future__ import annotations

from datetime import timedelta

from service.domain.deliveries import DeliveryState
from service.domain.work import Work, WorkKind
from service.ports.ledger import IdempotencyKey
from tests.contract.ledger_suite import NOW, LedgerHome, LedgerSuite, a_delivery, a_job, a_try, an_ending

LATER = NOW + timedelta(minutes=5)
DAY = timedelta(days=1)


class TestDelivering(LedgerSuite):
    async def test_a_message_is_read_with_its_very_bytes(self, home: LedgerHome) -> None:
        _, delivery = await home.finished()
        assert await home.ledger.delivery(None, delivery.id) == delivery
        assert await home.ledger.delivery("acme", delivery.id) == delivery
        assert await home.ledger.delivery("other", delivery.id) is None
        assert await home.ledger.deliveries("other", delivery.job_id) == []

    async def test_a_failed_attempt_moves_the_message_along_its_schedule(self, home: LedgerHome) -> None:
        _, delivery = await home.finished()
        tried = a_try(1, status=503, dns_ms=0.5, response_excerpt="busy")
        await home.ledger.record_delivery(delivery, tried, state=DeliveryState.PENDING, next_attempt_at=LATER)
        read = await home.ledger.delivery(None, delivery.id)
        assert read is not None
        assert (read.state, read.failures, read.next_attempt_at, read.last_status) == ("pending", 1, LATER, 503)
        assert read.attempts == (tried,)

    async def test_a_delivered_message_is_due_no_more(self, home: LedgerHome) -> None:
        _, delivery = await home.finished()
        await home.ledger.record_delivery(
            delivery, a_try(status=200), state=DeliveryState.DELIVERED, next_attempt_at=None
        )
        read = await home.ledger.delivery(None, delivery.id)
        assert read is not None
        assert (read.state, read.failures, read.next_attempt_at) == (DeliveryState.DELIVERED, 0, None)

    async def test_redelivery_starts_the_schedule_anew_with_the_same_bytes(self, home: LedgerHome) -> None:
        _, delivery = await home.finished()
        tried = a_try(1, error_code="connect_timeout")
        await home.ledger.record_delivery(delivery, tried, state=DeliveryState.FAILED, next_attempt_at=None)
        await home.store.done(Work(kind=WorkKind.DELIVERY, ref=delivery.id, due_at=NOW))
        restarted = await home.ledger.redeliver("acme", delivery.id, now=LATER)
        assert restarted is not None
        assert (restarted.state, restarted.failures, restarted.next_attempt_at) == ("pending", 0, LATER)
        assert (restarted.id, restarted.body, restarted.attempts) == (delivery.id, delivery.body, (tried,))
        assert await home.work(WorkKind.DELIVERY) == [Work(kind=WorkKind.DELIVERY, ref=delivery.id, due_at=LATER)]
        assert await home.ledger.redeliver("other", delivery.id, now=LATER) is None

    async def test_an_attempt_that_was_out_does_not_undo_a_redelivery(self, home: LedgerHome) -> None:
        _, delivery = await home.finished()
        await home.ledger.redeliver("acme", delivery.id, now=LATER)
        await home.ledger.record_delivery(
            delivery, a_try(1, status=500), state=DeliveryState.FAILED, next_attempt_at=None
        )
        read = await home.ledger.delivery(None, delivery.id)
        assert read is not None
        assert (read.state, read.failures, read.next_attempt_at) == ("pending", 0, LATER)
        await home.ledger.record_delivery(
            delivery, a_try(1, status=204), state=DeliveryState.DELIVERED, next_attempt_at=None
        )
        read = await home.ledger.delivery(None, delivery.id)
        assert read is not None
        assert read.state is DeliveryState.DELIVERED
        assert [(tried.number, tried.status) for tried in read.attempts] == [(1, 500), (2, 204)]

    async def test_a_late_failure_does_not_hide_that_a_message_was_delivered(self, home: LedgerHome) -> None:
        _, delivery = await home.finished()
        await home.ledger.record_delivery(
            delivery, a_try(1, status=204), state=DeliveryState.DELIVERED, next_attempt_at=None
        )
        await home.ledger.record_delivery(
            delivery, a_try(1, status=500), state=DeliveryState.PENDING, next_attempt_at=LATER
        )
        read = await home.ledger.delivery(None, delivery.id)
        assert read is not None
        assert (read.state, read.last_status, read.next_attempt_at) == (DeliveryState.DELIVERED, 204, None)
        assert [(tried.number, tried.status) for tried in read.attempts] == [(1, 204), (2, 500)]

    async def test_an_attempt_at_a_message_that_is_gone_is_forgotten(self, home: LedgerHome) -> None:
        delivery = a_delivery(a_job())
        await home.ledger.record_delivery(delivery, a_try(), state=DeliveryState.PENDING, next_attempt_at=LATER)
        assert await home.ledger.delivery(None, delivery.id) is None


class TestRetention(LedgerSuite):
    async def test_pictures_go_when_their_time_is_over_the_oldest_first(self, home: LedgerHome) -> None:
        young, _ = await home.finished(delivery=False, at=NOW)
        old, _ = await home.finished(delivery=False, at=NOW - timedelta(hours=1))
        await home.begun()
        assert await home.ledger.expired(now=NOW, limit=10) == []
        found = await home.ledger.expired(now=NOW + DAY, limit=10)
        assert [job.id for job in found] == [old.id, young.id]
        assert [job.id for job in await home.ledger.expired(now=NOW + DAY, limit=1)] == [old.id]

    async def test_pictures_stay_while_a_message_is_on_its_way(self, home: LedgerHome) -> None:
        job, delivery = await home.finished()
        assert await home.ledger.expired(now=NOW + DAY, limit=10) == []
        await home.ledger.record_delivery(delivery, a_try(), state=DeliveryState.FAILED, next_attempt_at=None)
        assert [found.id for found in await home.ledger.expired(now=NOW + DAY, limit=10)] == [job.id]

    async def test_pictures_are_removed_once_and_the_status_stays(self, home: LedgerHome) -> None:
        job, _ = await home.finished(delivery=False)
        await home.ledger.expire(job.id, now=LATER)
        await home.ledger.expire(job.id, now=LATER + DAY)
        read = await home.ledger.job(None, job.id)
        assert read is not None
        assert (read.status, read.removed_at) == ("succeeded", LATER)
        assert await home.ledger.expired(now=NOW + 2 * DAY, limit=10) == []

    async def test_an_unfinished_job_keeps_its_pictures(self, home: LedgerHome) -> None:
        job = await home.begun()
        await home.ledger.expire(job.id, now=LATER)
        assert await home.ledger.job(None, job.id) == job

    async def test_old_rows_go_with_all_that_belongs_to_them(self, home: LedgerHome) -> None:
        job = a_job()
        await home.ledger.accept(job, idempotency=IdempotencyKey("k", "f"))
        begun = await home.ledger.begin(job.id, now=NOW)
        assert begun is not None
        delivery = a_delivery(job)
        await home.ledger.finish(begun, an_ending(), delivery)
        await home.ledger.expire(job.id, now=NOW)
        assert await home.ledger.prune(before=LATER, limit=10) == 0  # its message is still on its way
        await home.ledger.record_delivery(delivery, a_try(), state=DeliveryState.DELIVERED, next_attempt_at=None)
        assert await home.ledger.prune(before=NOW, limit=10) == 0
        assert await home.ledger.prune(before=LATER, limit=10) == 1
        assert await home.ledger.job(None, job.id) is None
        assert await home.ledger.delivery(None, delivery.id) is None
        assert await home.ledger.events(job.id, after=0, limit=10) == []
        assert await home.ledger.find_accepted("acme", "k", now=NOW) is None

    async def test_old_rows_go_in_portions(self, home: LedgerHome) -> None:
        for _ in range(3):
            job, _ = await home.finished(delivery=False)
            await home.ledger.expire(job.id, now=NOW)
        assert [await home.ledger.prune(before=LATER, limit=2) for _ in range(3)] == [2, 1, 0]


class TestWatching(LedgerSuite):
    async def test_jobs_and_deliveries_on_their_way_are_counted(self, home: LedgerHome) -> None:
        assert await home.ledger.counts() == {"job_queued": 0, "job_running": 0, "delivery_pending": 0}
        assert await home.ledger.oldest_pending_delivery() is None
        await home.begun()
        _, old = await home.finished()
        await home.finished()
        await home.ledger.record_delivery(old, a_try(), state=DeliveryState.GONE, next_attempt_at=None)
        await home.ledger.accept(a_job())
        await home.ledger.accept(a_job())
        assert await home.ledger.counts() == {"job_queued": 2, "job_running": 1, "delivery_pending": 1}
        assert await home.ledger.oldest_pending_delivery() == NOW

    async def test_a_ledger_that_works_answers_a_ping(self, home: LedgerHome) -> None:
        await home.ledger.ping()

    async def test_a_ledger_answers_while_a_later_version_has_migrated_it(self, home: LedgerHome) -> None:
        await home.database.write(
            lambda connection: connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        )
        await home.ledger.ping()

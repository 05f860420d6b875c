"""Accepting: one transaction, one fact, and one job for one key."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from service.domain.faults import Moderation
from service.domain.jobs import Contract, JobError, JobStatus, Source
from service.domain.objects import ObjectRef
from service.domain.work import Work, WorkKind
from service.ports.ledger import Accepted, IdempotencyKey, LedgerUnavailableError
from tests.contract.ledger_suite import NOW, LedgerHome, LedgerSuite, a_failure, a_job, home_at

KEY = IdempotencyKey("key-1", "digest-1")


class TestAccepting(LedgerSuite):
    async def test_a_job_is_read_as_it_was_accepted(self, home: LedgerHome) -> None:
        job = a_job(
            contract=Contract.TOOL_BASE64,
            prompt="ü" * 32_000,
            source=Source(url="https://example.com/a.png", width=3, height=2),
            filename="cat.png",
            parameters={"size": "auto", "n": [1, {"a": None}]},
            provider="openai",
            mask=ObjectRef("in", "mask"),
            retry_possibly_billed=True,
            deadline_at=NOW + timedelta(microseconds=1),
            metadata={"a": "b"},
            priority=3,
        )
        accepted = await home.ledger.accept(job)
        assert accepted == Accepted(job.id, replayed=False)
        assert await home.ledger.job("acme", job.id) == job

    async def test_a_job_comes_with_its_event_and_its_work(self, home: LedgerHome) -> None:
        job = a_job(priority=7)
        await home.ledger.accept(job)
        [event] = await home.ledger.events(job.id, after=0, limit=10)
        assert (event.sequence, event.type, event.at) == (1, "job.queued", NOW)
        assert await home.work(WorkKind.JOB) == [Work(kind=WorkKind.JOB, ref=job.id, due_at=NOW, priority=7)]

    async def test_a_job_without_a_source_and_with_an_error_keeps_both(self, home: LedgerHome) -> None:
        job = await home.begun(source=None)
        error = JobError(code="moderated", message="no", moderation=Moderation(stage="input", categories=("a", "b")))
        await home.ledger.finish(job, a_failure(error=error), None)
        read = await home.ledger.job(None, job.id)
        assert read is not None
        assert (read.source, read.output, read.error) == (None, None, error)

    async def test_a_job_that_is_known_already_leaves_no_trace(self, home: LedgerHome) -> None:
        job = a_job()
        await home.ledger.accept(job)
        with pytest.raises(IntegrityError):
            await home.ledger.accept(job, idempotency=KEY)
        assert await home.ledger.find_accepted("acme", KEY.key, now=NOW) is None
        assert len(await home.ledger.events(job.id, after=0, limit=10)) == 1

    async def test_unfinished_jobs_are_counted_by_tenant(self, home: LedgerHome) -> None:
        await home.ledger.accept(a_job())
        await home.begun()
        await home.finished()
        await home.ledger.accept(a_job(tenant="other"))
        assert await home.ledger.unfinished_count("acme") == 2
        assert await home.ledger.unfinished_count("nobody") == 0

    async def test_a_closed_ledger_is_unavailable(self, home: LedgerHome) -> None:
        await home.ledger.close()
        with pytest.raises(LedgerUnavailableError):
            await home.ledger.accept(a_job())
        with pytest.raises(LedgerUnavailableError):
            await home.ledger.ping()


class TestIdempotency(LedgerSuite):
    async def test_a_key_stands_for_its_first_job_and_a_replay_writes_nothing(self, home: LedgerHome) -> None:
        first, second = a_job(), a_job()
        await home.ledger.accept(first, idempotency=KEY)
        again = await home.ledger.accept(second, idempotency=IdempotencyKey(KEY.key, "another digest"))
        assert again == Accepted(first.id, replayed=True, fingerprint="digest-1")
        assert await home.ledger.job(None, second.id) is None
        assert [work.ref for work in await home.work(WorkKind.JOB)] == [first.id]
        assert await home.ledger.find_accepted("acme", KEY.key, now=NOW) == again

    async def test_a_key_belongs_to_a_tenant(self, home: LedgerHome) -> None:
        await home.ledger.accept(a_job(), idempotency=KEY)
        other = a_job(tenant="other")
        assert (await home.ledger.accept(other, idempotency=KEY)).job_id == other.id

    @pytest.mark.parametrize(
        ("age", "replayed"), [(timedelta(hours=24, microseconds=-1), True), (timedelta(hours=24), False)]
    )
    async def test_a_key_lives_for_a_day(self, home: LedgerHome, age: timedelta, replayed: bool) -> None:
        await home.ledger.accept(a_job(), idempotency=KEY)
        later = a_job(created_at=NOW + age)
        assert (await home.ledger.find_accepted("acme", KEY.key, now=NOW + age) is not None) is replayed
        accepted = await home.ledger.accept(later, idempotency=IdempotencyKey(KEY.key, "digest-2"))
        assert accepted.replayed is replayed
        found = await home.ledger.find_accepted("acme", KEY.key, now=NOW + age)
        assert found is not None
        assert (found.job_id == later.id) is not replayed

    async def test_of_many_requests_at_once_one_becomes_a_job(self, home: LedgerHome) -> None:
        requests = [home.ledger.accept(a_job(), idempotency=KEY) for _ in range(40)]
        accepted = await asyncio.gather(*requests)
        assert sum(not each.replayed for each in accepted) == 1
        assert len({each.job_id for each in accepted}) == 1
        assert len(await home.work(WorkKind.JOB)) == 1


class TestDurability(LedgerSuite):
    async def test_what_was_accepted_survives_a_kill_at_once(self, where: str) -> None:
        victim = [sys.executable, "-m", "tests.contract.ledger_victim", where]
        process = await asyncio.create_subprocess_exec(*victim, stdout=subprocess.PIPE)
        assert process.stdout is not None
        job_id = (await process.stdout.readline()).decode().strip()
        process.kill()
        await process.communicate()
        assert process.returncode == -signal.SIGKILL
        async with home_at(where) as home:
            job = await home.ledger.job("acme", job_id)
            assert job is not None
            assert job.status is JobStatus.QUEUED
            assert [work.ref for work in await home.work(WorkKind.JOB)] == [job_id]

    async def test_a_new_ledger_finds_what_an_earlier_one_wrote(self, home: LedgerHome, where: str) -> None:
        job = await home.begun()
        await home.ledger.close()
        async with home_at(where) as later:
            assert await later.ledger.job(None, job.id) == job

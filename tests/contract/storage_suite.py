"""What every storage does. A test class per storage inherits the cases and brings the fixtures `storage` and `fill`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import pytest

from service.domain.objects import ObjectInfo, ObjectRef
from service.ports.storage import ObjectMissingError, ObjectTooLargeError, Storage, StorageError

Fill = Callable[[Iterable[str]], None]
"""Puts an object of three bytes under each key of the input bucket, the quick way."""

PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)

ODD_KEYS = [
    "plain.png",
    "folder/in/folder/picture.png",
    "with space/and  two.png",
    "ünïcode/猫/🐈.jpeg",
    "a+b&c=d?e#f%41.png",
    "quote'\"<>|*:~\\back.png",
    "tab\tbell\a.png",
    ".hidden/.png",
    "...three/dots...",
    "no-extension",
    "x" * 255,
    "/".join(["y" * 200] * 5),
]
NO_KEYS = ["", "a" * 1025, "é" * 513, "nul\0byte", "surrogate\ud800"]
SORTED_KEYS = ["A.png", "a-b.png", "a.png", "a/b.png", "a/c/d.png", "a/cc.png", "a0", "ab/c", "b", "z/1", "Ω", "🐈"]


def names(objects: Iterable[ObjectInfo]) -> list[str]:
    return [info.ref.key for info in objects]


class StorageSuite:
    def ref(self, storage: Storage, key: str = "a/picture.png") -> ObjectRef:
        return ObjectRef(storage.output_bucket, key)

    async def test_what_is_put_is_got(self, storage: Storage) -> None:
        ref = self.ref(storage)
        assert await storage.put(ref, PNG, mime_type="image/png", metadata={"source": "provider", "n": "1"})

        stored = await storage.get(ref, max_bytes=len(PNG))
        assert stored.data == PNG
        assert stored.info == await storage.head(ref)
        assert stored.info.ref == ref
        assert stored.info.byte_count == len(PNG)
        assert stored.info.mime_type == "image/png"
        assert stored.info.metadata == {"source": "provider", "n": "1"}
        assert stored.info.etag

    async def test_media_type_is_kept_whatever_the_bytes_are(self, storage: Storage) -> None:
        for key, mime_type in (("a", "text/csv"), ("b.png", "application/json"), ("c.json", "image/png")):
            await storage.put(self.ref(storage, key), b"{}", mime_type=mime_type)
            info = await storage.head(self.ref(storage, key))
            assert info is not None
            assert info.mime_type == mime_type
            assert info.metadata == {}

    async def test_empty_object(self, storage: Storage) -> None:
        assert await storage.put(self.ref(storage), b"", mime_type="image/png")
        assert (await storage.get(self.ref(storage), max_bytes=0)).data == b""

    async def test_key_is_written_once(self, storage: Storage) -> None:
        ref = self.ref(storage)
        assert await storage.put(ref, b"first", mime_type="text/plain", metadata={"n": "1"})
        assert not await storage.put(ref, b"second!", mime_type="image/png", metadata={"n": "2"})
        stored = await storage.get(ref, max_bytes=100)
        assert (stored.data, stored.info.mime_type, stored.info.metadata) == (b"first", "text/plain", {"n": "1"})

    async def test_one_of_many_writers_at_once_wins(self, storage: Storage) -> None:
        ref = self.ref(storage)
        writers = [str(number) for number in range(8)]
        won = await asyncio.gather(
            *(storage.put(ref, name.encode() * 1000, mime_type="x/y", metadata={"writer": name}) for name in writers)
        )
        assert sum(won) == 1
        stored = await storage.get(ref, max_bytes=1000)
        assert stored.info.metadata["writer"] == writers[won.index(True)]
        assert stored.data == stored.info.metadata["writer"].encode() * 1000

    async def test_free_again_after_removal(self, storage: Storage) -> None:
        ref = self.ref(storage)
        await storage.put(ref, PNG, mime_type="image/png", metadata={"n": "1"})
        await storage.delete(ref)
        assert await storage.head(ref) is None
        assert await storage.put(ref, PNG, mime_type="image/png")
        info = await storage.head(ref)
        assert info is not None
        assert info.metadata == {}

    async def test_nothing_there(self, storage: Storage) -> None:
        ref = self.ref(storage)
        assert await storage.head(ref) is None
        await storage.delete(ref)
        with pytest.raises(ObjectMissingError) as raised:
            await storage.get(ref, max_bytes=10)
        assert raised.value.ref == ref
        assert not raised.value.transient

    async def test_too_large(self, storage: Storage) -> None:
        await storage.put(self.ref(storage), PNG, mime_type="image/png")
        with pytest.raises(ObjectTooLargeError):
            await storage.get(self.ref(storage), max_bytes=len(PNG) - 1)

    async def test_odd_keys(self, storage: Storage) -> None:
        for key in ODD_KEYS:
            assert await storage.put(self.ref(storage, key), key.encode(), mime_type="image/png"), key
        for key in ODD_KEYS:
            assert (await storage.get(self.ref(storage, key), max_bytes=2000)).data == key.encode()
        assert names((await storage.list(storage.output_bucket, "")).objects) == sorted(ODD_KEYS)

    async def test_keys_that_no_object_has(self, storage: Storage) -> None:
        for ref in (self.ref(storage, key) for key in NO_KEYS):
            assert await storage.head(ref) is None
            await storage.delete(ref)
            with pytest.raises(ObjectMissingError):
                await storage.get(ref, max_bytes=10)
            with pytest.raises(StorageError) as raised:
                await storage.put(ref, PNG, mime_type="image/png")
            assert (raised.value.code, raised.value.transient) == ("invalid_key", False)

    async def test_other_buckets_are_refused(self, storage: Storage) -> None:
        for bucket in ("other", "", "..", "pictures-in/..", "PICTURES-IN"):
            await self._assert_refused(storage, bucket)

    async def _assert_refused(self, storage: Storage, bucket: str) -> None:
        ref = ObjectRef(bucket, "key")
        for call in (
            storage.put(ref, b"", mime_type="x/y"),
            storage.get(ref, max_bytes=1),
            storage.head(ref),
            storage.delete(ref),
            storage.link(ref, expires_in_seconds=60, filename="x.png"),
            storage.list(bucket, ""),
        ):
            with pytest.raises(StorageError) as raised:
                await call
            assert (raised.value.code, raised.value.transient) == ("unknown_bucket", False)

    async def test_its_buckets(self, storage: Storage) -> None:
        assert storage.buckets == {storage.input_bucket, storage.output_bucket}
        await storage.ping()

    async def test_listing_is_in_key_order(self, storage: Storage, fill: Fill) -> None:
        fill(reversed(SORTED_KEYS))
        page = await storage.list(storage.input_bucket, "")
        assert names(page.objects) == SORTED_KEYS
        assert page.cursor is None
        assert {info.byte_count for info in page.objects} == {3}
        assert {info.ref.bucket for info in page.objects} == {storage.input_bucket}

    async def test_listing_with_a_prefix(self, storage: Storage, fill: Fill) -> None:
        fill(SORTED_KEYS)
        for prefix in ("a", "a/", "a/c", "a/c/", "a/c/d.png", "a/c/d.png/", "x", "z/", "../", "/"):
            page = await storage.list(storage.input_bucket, prefix)
            assert names(page.objects) == [key for key in SORTED_KEYS if key.startswith(prefix)]

    async def test_listing_in_pages(self, storage: Storage, fill: Fill) -> None:
        keys = [*sorted(f"in/{number % 7}/{number:04}.png" for number in range(2400)), "in/z.png"]
        fill([*keys, "out/other.png"])
        found: list[str] = []
        cursor, sizes = None, []
        while True:
            page = await storage.list(storage.input_bucket, "in/", cursor=cursor)
            found += names(page.objects)
            sizes.append(len(page.objects))
            if (cursor := page.cursor) is None:
                break
        assert found == keys
        assert sizes == [1000, 1000, 401]

    async def test_full_last_page_has_no_cursor(self, storage: Storage, fill: Fill) -> None:
        fill(f"{number:04}" for number in range(1000))
        page = await storage.list(storage.input_bucket, "")
        assert len(page.objects) == 1000
        assert page.cursor is None

    async def test_many_calls_at_once(self, storage: Storage) -> None:
        refs = [self.ref(storage, f"many/{number}.png") for number in range(100)]
        assert all(await asyncio.gather(*(storage.put(ref, PNG, mime_type="image/png") for ref in refs)))
        got = await asyncio.gather(*(storage.get(ref, max_bytes=len(PNG)) for ref in refs))
        assert [stored.info.ref for stored in got] == refs

"""Sealing: proof that rows of append-only tables have not been changed since they were sealed."""

from paykeel.sealing.chain import Head, Seal, SealedRow
from paykeel.sealing.checking import ChainCheck, ChainReport, Fault
from paykeel.sealing.keys import KeyKeeper
from paykeel.sealing.service import SealingPass, SealingService
from paykeel.sealing.signing import SigningKey, key_id_of
from paykeel.sealing.tables import TABLES, SealedTable

__all__ = [
    "TABLES",
    "ChainCheck",
    "ChainReport",
    "Fault",
    "Head",
    "KeyKeeper",
    "Seal",
    "SealedRow",
    "SealedTable",
    "SealingPass",
    "SealingService",
    "SigningKey",
    "key_id_of",
]

"""The fault run in small: kills, a broker that restarts, a suspended worker, a replay."""

from broker import running_broker
from kafka_fault_run import Sizes, fault_run, sizes_from

SMALL = {
    "KIZUNA_FAULTS_SEED": "7",
    "KIZUNA_FAULTS_KILLS": "4",
    "KIZUNA_FAULTS_BROKER_RESTARTS": "1",
    "KIZUNA_FAULTS_SUSPENDED_SECONDS": "4",
    "KIZUNA_FAULTS_MEMBERS": "30",
    "KIZUNA_FAULTS_RATE": "60",
    "KIZUNA_FAULTS_GAP_SECONDS": "2",
}


def test_sizes_come_from_variables():
    assert sizes_from(SMALL) == Sizes(
        seed=7,
        kills=4,
        broker_restarts=1,
        suspended_seconds=4.0,
        members=30,
        rate=60.0,
        gap_seconds=2.0,
    )
    assert sizes_from({}).kills == 20


def test_nothing_is_lost_or_doubled(tmp_path):
    with running_broker() as kafka:
        figures = fault_run(kafka, tmp_path, sizes_from(SMALL))
    print(figures)
    assert figures["records"] > 1_000

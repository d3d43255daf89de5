import pytest
from conftest import random_rows, write_rows

from lora_trainer.errors import TrainerError
from lora_trainer.job import read_train_job
from lora_trainer.rows import Plan, Row, collate, fit, read_rows


@pytest.fixture
def plan(make_job, tmp_path):
    def make(train: int, replay: int, **overrides: object) -> Plan:
        job = read_train_job(make_job(**overrides))
        rows = read_rows(write_rows(tmp_path / "a.jsonl", random_rows(train, seed=1)))
        return Plan(rows, read_rows(write_rows(tmp_path / "b.jsonl", random_rows(replay, seed=9))), job)

    return make


def rows_of(steps) -> list[Row]:
    return [row for batches in steps for batch in batches for row in batch]


def test_collate_predicts_the_target_and_nothing_else():
    batch = collate([Row("a", (11, 12), (13, 2), 1.0), Row("b", (21,), (22, 23, 2), 2.0)])

    assert batch.inputs.tolist() == [[11, 12, 13], [21, 22, 23]]
    assert batch.labels.tolist() == [13, 2, 22, 23, 2]
    # Each position feeds the token just before its label.
    assert batch.inputs.reshape(-1)[batch.positions].tolist() == [12, 13, 21, 22, 23]
    assert batch.owners.tolist() == [0, 0, 1, 1, 1]


def test_fit_drops_the_oldest_prompt_tokens_and_rows_whose_target_is_too_long():
    rows = [Row("fits", (1, 2), (3,), 1.0), Row("cut", (1, 2, 3, 4), (5, 6), 1.0), Row("over", (1,), (2, 3, 4, 5), 1.0)]
    fitting, cut, dropped = fit(rows, 4)

    assert [row.id for row in fitting] == ["fits", "cut"]
    assert fitting[1].prompt == (3, 4)
    assert fitting[1].target == (5, 6)
    assert (cut, dropped) == (1, 1)


def test_plan_shows_every_row_once_a_pass_in_an_order_of_its_own(plan):
    made = plan(23, 0, epochs=3, stepsMin=1)
    first, second = rows_of(made.steps_of_pass(0)), rows_of(made.steps_of_pass(1))

    assert sorted(row.id for row in first) == sorted(row.id for row in second) == sorted({row.id for row in first})
    assert len(first) == 23
    assert [row.id for row in first] != [row.id for row in second]
    assert made.passes == 3


def test_plan_gives_the_same_order_for_the_same_seed_only(plan):
    assert plan(20, 5).steps_of_pass(2) == plan(20, 5).steps_of_pass(2)
    assert plan(20, 5).steps_of_pass(2) != plan(20, 5, seed=1).steps_of_pass(2)


def test_plan_adds_passes_until_the_least_number_of_steps(plan):
    made = plan(10, 0, epochs=3, stepsMin=50, batchExamples=2, accumulation=2)

    assert made.steps_per_pass == 3
    assert made.passes == 17
    assert made.steps_total == 51
    assert all(len(made.steps_of_pass(number)) == 3 for number in range(17))


def test_plan_walks_through_all_replay_rows_before_one_repeats(plan):
    made = plan(10, 8, replayRatio=0.4)
    replayed = [row.id for number in range(4) for row in rows_of(made.steps_of_pass(number)) if row.is_replay]

    assert len(replayed) == 16
    assert sorted(replayed[:8]) == sorted(set(replayed))


def test_plan_learns_something_in_its_first_step(plan):
    for seed in range(20):
        first = plan(2, 40, replayRatio=4.0, batchExamples=1, accumulation=1, seed=seed).steps_of_pass(0)[0]
        assert not all(row.is_replay for row in first[0])


def test_plan_puts_rows_of_alike_length_together(plan):
    made = plan(64, 0, batchExamples=4)
    padding = sum(collate(batch).inputs.size - sum(row.tokens - 1 for row in batch) for batches in made.steps_of_pass(0) for batch in batches)
    tokens = sum(row.tokens - 1 for row in rows_of(made.steps_of_pass(0)))

    assert padding / tokens < 0.1


def test_read_rows_takes_a_weight_of_one_when_none_is_given(tmp_path):
    path = write_rows(tmp_path / "rows.jsonl", [{"id": "a", "prompt": [1], "target": [2]}])
    assert read_rows(path) == [Row("a", (1,), (2,), 1.0)]


def test_read_rows_raises_when_the_file_is_absent_or_no_utf_8(tmp_path):
    binary = tmp_path / "binary.jsonl"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (binary, tmp_path / "absent.jsonl"):
        with pytest.raises(TrainerError) as raised:
            read_rows(path)
        assert raised.value.code == "BAD_ROWS"

from conftest import finish, random_rows, start, write_rows


def preflight(job) -> dict:
    code, events, stderr = finish(start("preflight", job))
    assert code == 0, stderr
    return events[-1]


def test_preflight_reports_what_a_small_job_needs(make_job):
    report = preflight(make_job())

    assert report["base"]["architecture"] == "llama"
    assert report["stepsTotal"] == 12
    assert report["rows"]["train"] == {"rows": 10, "cut": 0, "dropped": 0, "tokensMax": report["rows"]["train"]["tokensMax"]}
    assert 0 < report["memory"]["neededBytes"] < 2**30
    assert 0 < report["disk"]["neededBytes"] < report["disk"]["freeBytes"]
    assert report["blas"]["gflops"] > 0
    assert report["minutesEstimated"] < 1


def test_preflight_names_every_problem_when_base_is_missing_and_no_row_fits(make_job, tmp_path):
    rows = write_rows(tmp_path / "long.jsonl", [{**row, "target": [5] * 40} for row in random_rows(2)])
    report = preflight(make_job(baseGguf=str(tmp_path / "absent.gguf"), trainRows=str(rows), contextTokens=16))

    assert not report["ready"]
    assert {"BASE_UNSUPPORTED", "BAD_ROWS"} <= {problem["code"] for problem in report["problems"]}
    assert report["minutesEstimated"] is None
    assert "neededBytes" not in report["memory"]


def test_preflight_does_not_ask_for_a_fast_blas_where_the_base_is_small(make_job):
    report = preflight(make_job())

    assert "BLAS_MISSING" not in {problem["code"] for problem in report["problems"]}

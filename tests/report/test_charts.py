from regard.report.charts import BOTTOM, HOVER_POINTS, LEFT, RIGHT, TOP, Series, chart

NAN = float("nan")


def test_lines_lie_in_the_frame_and_end_where_they_end() -> None:
    drawn = chart("Accuracy", [Series("validation", (0, 1, 2), (0.2, 0.6, 1.0), "main")])
    assert drawn is not None
    line = drawn.lines[0]
    assert (line.points[0].x, line.end.x) == (LEFT, RIGHT)
    assert line.points[0].y == BOTTOM
    assert line.end.y == TOP
    assert line.path == f"M{line.points[0].x} {BOTTOM:.1f}L{line.points[1].x} {line.points[1].y}L{RIGHT:.1f} {TOP:.1f}"
    assert line.end.text == "validation, epoch 2: 1.00"
    assert drawn.alt == "Accuracy over epoch: validation from 0.200 to 1.00, lowest 0.200, highest 1.00."


def test_an_undefined_value_leaves_a_gap() -> None:
    drawn = chart("x", [Series("", (0, 1, 2, 3), (1, NAN, 2, 3), "main")])
    assert drawn is not None
    assert drawn.lines[0].path.count("M") == 2
    assert len(drawn.lines[0].points) == 3


def test_nothing_to_draw() -> None:
    assert chart("x", []) is None
    assert chart("x", [Series("", (), (), "main"), Series("", (0,), (NAN,), "main")]) is None


def test_one_epoch_is_a_dot_in_the_middle() -> None:
    drawn = chart("x", [Series("", (0,), (0.5,), "main")])
    assert drawn is not None
    assert drawn.lines[0].end.x == (LEFT + RIGHT) / 2
    assert TOP <= drawn.lines[0].end.y <= BOTTOM


def test_decades_are_drawn_by_logarithm_only_where_allowed_and_positive() -> None:
    def logarithmic(y: tuple[float, ...], decades: bool) -> bool:
        drawn = chart("x", [Series("", (0, 1), y, "main")], decades=decades)
        assert drawn is not None
        assert all(TOP - 0.1 <= t.at <= BOTTOM + 0.1 for t in drawn.yticks)
        return drawn.logarithmic

    assert logarithmic((5000, 20), True)
    assert not logarithmic((5000, 20), False)
    assert not logarithmic((5000, 0), True)
    assert not logarithmic((50, 20), True)


def test_long_lines_carry_no_words_at_their_points() -> None:
    x = tuple(range(HOVER_POINTS + 1))
    drawn = chart("x", [Series("", x, x, "main")])
    assert drawn is not None
    assert drawn.lines[0].points == ()
    assert drawn.lines[0].path.count("L") == HOVER_POINTS

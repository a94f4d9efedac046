# SPDX-License-Identifier: Apache-2.0
"""The pure part of ./bench: what is read from /proc and SIPp, and the table."""

import json
import unittest
import xml.dom.minidom

import figures
import scenarios

NAMES = (
    "CurrentTime;SuccessfulCall(C);FailedCall(C);Retransmissions(C);"
    "OutOfCallMsgs(C);DeadCallMsgs(C);FatalErrors(C);"
)


def statistics_of(*rows):
    return "\n".join([NAMES, *rows, ""])


class FiguresTest(unittest.TestCase):
    def test_cpu_time_is_read_behind_any_program_name(self):
        stat = "7 (a ) 1 2) S " + " ".join(str(n) for n in range(1, 30))
        # Fields 14 and 15 of proc(5): 11 and 12 in this count.
        self.assertAlmostEqual(figures.cpu_seconds(stat), (11 + 12) * figures.TICK)

    def test_anonymous_memory_is_told_in_bytes(self):
        status = "VmRSS:\t  900 kB\nRssAnon:\t  512 kB\nRssFile:\t 388 kB\n"
        self.assertEqual(figures.anonymous_bytes(status), 512 * 1024)
        with self.assertRaises(ValueError):
            figures.anonymous_bytes("VmRSS: 900 kB\n")

    def test_a_line_that_sipp_is_writing_is_left_out(self):
        text = statistics_of("d\tt\t10.5;3;0;0;0;0;0;") + "d\tt\t11.5;9"
        (row,) = figures.sipp_rows(text)
        self.assertEqual((row["Time"], row["SuccessfulCall(C)"]), (10.5, "3"))
        self.assertEqual(figures.sipp_rows(""), [])

    def test_calls_between_two_lines_are_counted_by_proportion(self):
        rows = figures.sipp_rows(
            statistics_of("d\tt\t10.0;100;0;0;0;0;0;", "d\tt\t12.0;300;0;0;0;0;0;")
        )
        self.assertAlmostEqual(figures.count_at(rows, 10.5), 150)
        self.assertAlmostEqual(figures.count_at(rows, 99), 300)

    def test_only_what_went_wrong_is_a_flaw(self):
        (row,) = figures.sipp_rows(statistics_of("d\tt\t1.0;9;0;4;0;0;0;"))
        self.assertEqual(figures.flaws(row), {"Retransmissions": 4})

    def test_goals_are_met_up_to_their_bound(self):
        goals = figures.goals()
        goals["P1"].figure = 1.5
        goals["P2"].figure = 2.01
        goals["P3"].figure = 0.8
        self.assertIs(goals["P1"].met, True)
        self.assertIs(goals["P2"].met, False)
        self.assertIs(goals["P3"].met, True)
        self.assertIsNone(goals["P7"].met)
        lines = figures.table(goals.values()).splitlines()
        self.assertEqual(len(lines), 1 + len(figures.GOALS))
        self.assertRegex(lines[2], r"2\.01 x +<= 2 x +NOT MET")
        told = json.loads(figures.as_json(goals.values(), {"rounds": 3}))
        self.assertEqual((told["rounds"], told["goals"][1]["met"]), (3, False))

    def test_what_was_easier_than_the_goal_is_not_met(self):
        goal = figures.goals()["P7"]
        goal.figure, goal.eased = 1.2, True
        self.assertIs(goal.met, False)
        floor = figures.goals()["P7f"]
        floor.figure = 2.4
        self.assertIsNone(floor.met)

    def test_the_busiest_rate_is_one_that_was_met_often(self):
        self.assertEqual(figures.busiest({1000: [1], 700: [1, 2]}, 3), 700)
        self.assertEqual(figures.busiest({1000: [1, 2], 700: [1]}, 3), 1000)
        self.assertEqual(figures.busiest({1000: [], 700: [1]}, 3), 700)
        self.assertIsNone(figures.busiest({}, 3))

    def test_a_side_that_was_not_measured_makes_no_ratio(self):
        self.assertIsNone(figures.ratio(1.0, None))
        self.assertIsNone(figures.middle([]))
        self.assertEqual(figures.middle([9, None, 1, 2]), 2)


class ScenariosTest(unittest.TestCase):
    def test_every_scenario_is_xml(self):
        for name, make in scenarios.SCENARIOS.items():
            with self.subTest(name):
                text = scenarios.HEAD.format(name=name) + make() + "</scenario>"
                xml.dom.minidom.parseString(text)


if __name__ == "__main__":
    unittest.main()

//! What the schedule language refuses, where in the text, and what it says would be right.

use super::*;
use crate::error::CronField;

/// Expression, the first character at fault and the fault (empty for all of the text), message.
const REFUSED: &str = r##"
daily |  | must be cron(minutes hours day-of-month month day-of-week year), rate(value unit) or at(yyyy-mm-ddThh:mm:ss)
every(5 minutes) | 1 ("every") | must be cron(minutes hours day-of-month month day-of-week year), rate(value unit) or at(yyyy-mm-ddThh:mm:ss)
(0 3 * * ? *) | 1 | must be cron(minutes hours day-of-month month day-of-week year), rate(value unit) or at(yyyy-mm-ddThh:mm:ss)
cron(0 3 * * ? * | 17 | must end with the one parenthesis that closes it
rate(5 minutes | 15 | must end with the one parenthesis that closes it
cron(0 3 * * ? *) x | 19 ("x") | must end with the one parenthesis that closes it
cron(cron(0 3 * * ? *)) | 10 ("(") | must end with the one parenthesis that closes it
at(2026-03-01T00:00:00)) | 24 (")") | must end with the one parenthesis that closes it
0 3 * * ? | 10 | must have six fields (minutes hours day-of-month month day-of-week year), not 5; unlike in Unix, the last is the year (* for every year)
cron(0 3 * *) | 13 | must have six fields (minutes hours day-of-month month day-of-week year), not 4
cron() | 6 | must have six fields (minutes hours day-of-month month day-of-week year), not 0
0 0 3 * * ? * | 13 ("*") | must have six fields (minutes hours day-of-month month day-of-week year), not 7
cron(0 0 3 * * ? * 7 ) | 18 ("* 7") | must have six fields (minutes hours day-of-month month day-of-week year), not 8
60 3 * * ? * | 1 ("60") | minutes must be between 0 and 59
0 99999999999999999999 * * ? * | 3 ("99999999999999999999") | hours must be between 0 and 23
0 3 0 * ? * | 5 ("0") | day of month must be between 1 and 31
0 3 1 13 ? * | 7 ("13") | month must be between 1 and 12
0 3 ? * 0 * | 9 ("0") | day of week must be between 1 and 7
0 3 ? * 1-8 * | 11 ("8") | day of week must be between 1 and 7
0 3 ? * 8L * | 9 ("8") | day of week must be between 1 and 7
0 3 ? * 8#1 * | 9 ("8") | day of week must be between 1 and 7
0 3 32W * ? * | 5 ("32") | day of month must be between 1 and 31
0 3 * * ? 1969 | 11 ("1969") | year must be between 1970 and 2199
0 3 * * ? 2026,2200 | 16 ("2200") | year must be between 1970 and 2199
0 3 * * ? 2030-2026 | 11 ("2030-2026") | year: a range must not end before it begins: write the earlier year first
a 3 * * ? * | 1 ("a") | minutes must be a number between 0 and 59
0 ñ3 * * ? * | 3 ("ñ3") | hours must be a number between 0 and 23
0 3 * ENERO ? * | 7 ("ENERO") | month must be a number between 1 and 12 or a name between JAN and DEC
0 3 ? * LUN * | 9 ("LUN") | day of week must be a number between 1 and 7 (1 is Sunday) or a name between SUN and SAT
0 3 ? * MON-LUN * | 13 ("LUN") | day of week must be a number between 1 and 7 (1 is Sunday) or a name between SUN and SAT
1.5 3 * * ? * | 1 ("1.5") | minutes must be a number between 0 and 59
-5 3 * * ? * | 1 | minutes: a value is missing here: it must be a number between 0 and 59
5- 3 * * ? * | 3 | minutes: a value is missing here: it must be a number between 0 and 59
1,,2 3 * * ? * | 3 | minutes: a value is missing here: it must be a number between 0 and 59
1, 3 * * ? * | 3 | minutes: a value is missing here: it must be a number between 0 and 59
/5 3 * * ? * | 1 | minutes: a value is missing here: it must be a number between 0 and 59
5/ 3 * * ? * | 3 | minutes: a step must be between 1 and 59
0/0 3 * * ? * | 3 ("0") | minutes: a step must be between 1 and 59
0/90 3 * * ? * | 3 ("90") | minutes: a step must be between 1 and 59
0/a 3 * * ? * | 3 ("a") | minutes: a step must be between 1 and 59
1/2/3 3 * * ? * | 3 ("2/3") | minutes: a step must be between 1 and 59
0 */24 * * ? * | 5 ("24") | hours: a step must be between 1 and 23
0 3 1/32 * ? * | 7 ("32") | day of month: a step must be between 1 and 31
0 3 1 1/13 ? * | 9 ("13") | month: a step must be between 1 and 12
0 3 ? * 2/8 * | 11 ("8") | day of week: a step must be between 1 and 7
0 3 * * ? 2026/231 | 16 ("231") | year: a step must be between 1 and 230
1-2-3 3 * * ? * | 3 ("2-3") | minutes must be a number between 0 and 59
? 3 * * ? * | 1 ("?") | "?" is not accepted here in minutes: it must be a number between 0 and 59, or * alone
0 L * * ? * | 3 ("L") | "L" is not accepted here in hours: it must be a number between 0 and 23, or * alone
0 3 * ? * * | 7 ("?") | "?" is not accepted here in month: it must be a number between 1 and 12 or a name between JAN and DEC, or * alone
0 3 * * ? L | 11 ("L") | "L" is not accepted here in year: it must be a number between 1970 and 2199, or * alone
0 3 L-3 * ? * | 5 ("L") | day of month: "L" cannot be combined with other values: write it alone, as in L
0 3 1,L * ? * | 7 ("L") | day of month: "L" cannot be combined with other values: write it alone, as in L
0 3 1,15W * ? * | 7 ("15W") | day of month: "W" cannot be combined with other values: write it alone, as in 15W
0 3 W * ? * | 5 ("W") | day of month: a value is missing here: it must be a number between 1 and 31
0 3 1#2 * ? * | 5 ("1#2") | "#" is not accepted here in day of month: it must be a number between 1 and 31, or * alone
0 3 ? * 2#1,6#3 * | 9 ("2#1") | day of week: "#" cannot be combined with other values: write it alone, as in 2#1
0 3 ? * MON,FRIL * | 13 ("FRIL") | day of week: "L" cannot be combined with other values: write it alone, as in 6L
0 3 ? * 2W * | 9 ("2W") | "W" is not accepted here in day of week: it must be a number between 1 and 7 (1 is Sunday) or a name between SUN and SAT, or * alone
0 3 ? * 2#6 * | 11 ("6") | day of week: the number after # must be between 1 and 5
0 3 ? * 2# * | 11 | day of week: the number after # must be between 1 and 5
0 3 ? * #2 * | 9 | day of week: a value is missing here: it must be a number between 1 and 7 (1 is Sunday) or a name between SUN and SAT
0 3 *-5 * ? * | 5 ("*") | "*" is not accepted here in day of month: it must be a number between 1 and 31, or * alone
0 3 ?,5 * ? * | 5 ("?") | day of month: "?" cannot be combined with other values: write it alone, as in ?
0 3 * * * * | 9 ("*") | day of month and day of week cannot both be given: one of them must be ?
0 3 1 * MON * | 9 ("MON") | day of month and day of week cannot both be given: one of them must be ?
0 3 * * MON * | 5 ("*") | day of month and day of week cannot both be given: one of them must be ?
0 3 ? * ? * | 9 ("?") | day of month and day of week cannot both be ?: write * for every day
0 0 30 2 ? * | 5 ("30 2 ? *") | never occurs: no date in the years given fits day, month and year
cron(0 0 31 4 ? *) | 10 ("31 4 ? *") | never occurs: no date in the years given fits day, month and year
0 0 29 2 ? 2025-2027 | 5 ("29 2 ? 2025-2027") | never occurs: no date in the years given fits day, month and year
0 0 29 2 ? 2100 | 5 ("29 2 ? 2100") | never occurs: no date in the years given fits day, month and year
0 0 31W 2,4 ? * | 5 ("31W 2,4 ? *") | never occurs: no date in the years given fits day, month and year
0 0 ? 2 2#5 2026 | 5 ("? 2 2#5 2026") | never occurs: no date in the years given fits day, month and year
rate(5) | 6 ("5") | must be rate(value unit), such as rate(5 minutes)
rate() | 6 | must be rate(value unit), such as rate(5 minutes)
rate(5 minutes 3) | 6 ("5 minutes 3") | must be rate(value unit), such as rate(5 minutes)
rate(five minutes) | 6 ("five") | must be rate(value unit), such as rate(5 minutes)
rate(-5 minutes) | 6 ("-5") | must be rate(value unit), such as rate(5 minutes)
rate(1.5 hours) | 6 ("1.5") | must be rate(value unit), such as rate(5 minutes)
rate(0 minutes) | 6 ("0") | the number of a rate must be between 1 and 4294967295
rate(0 day) | 6 ("0") | the number of a rate must be between 1 and 2982616
rate(2982617 days) | 6 ("2982617") | the number of a rate must be between 1 and 2982616
rate(1 week) | 8 ("week") | the unit of a rate must be minute, minutes, hour, hours, day or days
rate(1 minutes) | 8 ("minutes") | the unit must agree with the number: write minute
rate(5 hour) | 8 ("hour") | the unit must agree with the number: write hours
at() | 4 | must be at(yyyy-mm-ddThh:mm:ss), without an offset: the time zone is given apart
at(2026-03-01) | 14 | must be at(yyyy-mm-ddThh:mm:ss), without an offset: the time zone is given apart
at(2026-03-01 00:00:00) | 14 (" 00:00:00") | must be at(yyyy-mm-ddThh:mm:ss), without an offset: the time zone is given apart
at(2026-03-01T00:00:00Z) | 23 ("Z") | must be at(yyyy-mm-ddThh:mm:ss), without an offset: the time zone is given apart
at(2026-3-01T00:00:00) | 10 ("-01T00:00:00") | must be at(yyyy-mm-ddThh:mm:ss), without an offset: the time zone is given apart
at(2026-03-ñ1T00:00:00) | 12 ("ñ1T00:00:00") | must be at(yyyy-mm-ddThh:mm:ss), without an offset: the time zone is given apart
at(2026-13-01T00:00:00) | 9 ("13") | month must be between 1 and 12
at(2026-02-30T00:00:00) | 12 ("30") | day of month must be between 1 and 28
at(2028-02-30T00:00:00) | 12 ("30") | day of month must be between 1 and 29
at(2026-00-01T00:00:00) | 9 ("00") | month must be between 1 and 12
at(2026-02-03T24:00:00) | 15 ("24") | hours must be between 0 and 23
at(2026-02-03T23:60:00) | 18 ("60") | minutes must be between 0 and 59
at(2026-06-30T23:59:60) | 21 ("60") | seconds must be between 0 and 59
"##;

#[test]
fn what_is_refused_says_where_and_what_would_be_right() {
    for line in REFUSED.lines().filter(|line| !line.is_empty()) {
        let [text, part, message] = line.splitn(3, " | ").collect::<Vec<_>>().try_into().unwrap();
        let place = if part.is_empty() {
            String::new()
        } else {
            format!(", character {part}")
        };
        check(text, &format!("cron \"{text}\"{place}: {message}"));
        check_caret(text, part);
    }
}

/// Every error shows its place: carets under the part at fault, one where something is missing.
fn check_caret(text: &str, part: &str) {
    let (column, fragment) = part.split_once(' ').unwrap_or((part, ""));
    let fragment = fragment.trim_start_matches("(\"").trim_end_matches("\")");
    let (before, under) = match column {
        "" => (0, text.chars().count()),
        column => (column.parse::<usize>().unwrap() - 1, fragment.chars().count().max(1)),
    };
    let expected = format!("{text}\n{}{}", " ".repeat(before), "^".repeat(under));
    assert_eq!(Expression::parse(text).unwrap_err().caret().unwrap(), expected);
}

#[test]
fn nothing_is_refused_as_nothing() {
    check("", "cron \"\": must not be empty");
    check(" \n ", "cron \"   \": must not be empty");
}

#[test]
fn what_does_not_fit_into_the_scheduler_is_refused() {
    let years: Vec<_> = (1970..2199)
        .filter(|year| year % 3 != 0)
        .map(|year| year.to_string())
        .collect();
    let years = years.join(",");
    let text = format!("0 0 * * ? {years}");
    let error = Expression::parse(&text).unwrap_err();
    assert!(
        matches!(
            error.rule,
            Rule::ExpressionTooLong {
                part: CronField::Year,
                found: 257..,
                max: 256
            }
        ),
        "{error}"
    );
    assert_eq!(error.fragment(), years);
}

//! `provider::kairos::proximas_ejecuciones`: when a schedule fires next.

use kairos::error::Field;
use kairos::instant::rfc3339_millis;
use kairos::schedule::{self, Schedule};
use tfplugin::{Function, FunctionError, Parameter, Signature, Type, Value};

use super::{refused, text};

/// `proximas_ejecuciones(expr, zona, desde, n)`.
#[derive(Debug, Clone, Copy)]
pub struct ProximasEjecuciones;

/// As many occurrences as are given at most: a plan shows them one a line.
const MAX: u64 = 1000;

impl Function for ProximasEjecuciones {
    const NAME: &'static str = "proximas_ejecuciones";

    fn signature(&self) -> Signature {
        Signature::returning(Type::list(Type::String))
            .parameter(Parameter::new("expr", Type::String).description(
                "Schedule expression: `cron(minutes hours day-of-month month day-of-week year)`, `rate(value unit)`, \
                 `at(yyyy-mm-ddThh:mm:ss)`, or the six fields of a cron alone.",
            ))
            .parameter(
                Parameter::new("zona", Type::String)
                    .takes_null()
                    .description("IANA time zone of the expression, such as `America/Santiago`; null is `UTC`."),
            )
            .parameter(Parameter::new("desde", Type::String).description(
                "Instant (RFC 3339) after which to look, such as `plantimestamp()`. A rate counts from here.",
            ))
            .parameter(
                Parameter::new("n", Type::Number).description(format!("How many to give: a whole number, 1 to {MAX}.")),
            )
            .summary("The next times at which a schedule fires.")
            .description(
                "Gives the first `n` instants strictly after `desde` at which a schedule fires, in order: RFC 3339, UTC, with \
                 milliseconds. There are fewer where the schedule ends before, and none where it is over. Local times that \
                 clocks skip do not fire; those that clocks repeat fire once, the first time.",
            )
    }

    fn call(&self, arguments: Vec<Value>) -> Result<Value, FunctionError> {
        let expression = text(&arguments, 0)?;
        let zone = arguments.get(1).filter(|zone| !zone.is_null());
        let zone = zone.map(|_| text(&arguments, 1)).transpose()?;
        let schedule = Schedule::parse(expression, zone, None, None, None).map_err(|errors| first(&errors))?;
        let from = schedule::instant(Field::Inicio, text(&arguments, 2)?).map_err(|error| refused(&error, |_| 2))?;
        let count = count(arguments.get(3))?;
        let occurrences =
            std::iter::successors(schedule.next_after(from, from), |last| schedule.next_after(*last, from));
        Ok(Value::list(occurrences.take(count).map(rfc3339_millis)))
    }
}

fn count(argument: Option<&Value>) -> Result<usize, FunctionError> {
    let wrong = |written: &str| {
        FunctionError::at(
            3,
            format!("{written} is not how many there can be: it must be a whole number, 1 to {MAX}"),
        )
    };
    let Some(Value::Number(number)) = argument else {
        return Err(wrong("This"));
    };
    let count = number.as_u64().filter(|count| (1..=MAX).contains(count));
    let count = count.and_then(|count| usize::try_from(count).ok());
    count.ok_or_else(|| wrong(number.as_str()))
}

/// A function tells of one argument: the first that is wrong.
fn first(errors: &[kairos::error::UserError]) -> FunctionError {
    let position = |field| usize::from(field == Field::ZonaHoraria);
    errors.first().map_or_else(
        || FunctionError::new("The schedule is not valid"),
        |error| refused(error, position),
    )
}

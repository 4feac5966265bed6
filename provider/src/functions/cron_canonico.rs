//! `provider::kairos::cron_canonico`: the one form of all ways to write an expression.

use kairos::expression::Expression;
use tfplugin::{Function, FunctionError, Parameter, Signature, Type, Value};

use super::{refused, text};

/// `cron_canonico(expr)`.
#[derive(Debug, Clone, Copy)]
pub struct CronCanonico;

impl Function for CronCanonico {
    const NAME: &'static str = "cron_canonico";

    fn signature(&self) -> Signature {
        Signature::returning(Type::String)
            .parameter(Parameter::new("expr", Type::String).description(
                "Schedule expression: `cron(minutes hours day-of-month month day-of-week year)`, `rate(value unit)`, \
                 `at(yyyy-mm-ddThh:mm:ss)`, or the six fields of a cron alone.",
            ))
            .summary("The canonical form of a schedule expression.")
            .description(
                "Gives the canonical form of a schedule expression: the form that is sent to EventBridge Scheduler. \
                 Expressions of equal form fire at the same instants, and processes whose form, zone, window and bounds are \
                 equal share one schedule.",
            )
    }

    fn call(&self, arguments: Vec<Value>) -> Result<Value, FunctionError> {
        let expression = Expression::parse(text(&arguments, 0)?).map_err(|error| refused(&error, |_| 0))?;
        Ok(Value::from(expression.to_string()))
    }
}

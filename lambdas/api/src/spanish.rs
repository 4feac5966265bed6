//! The rules of `kairos::error`, in Spanish: what would be right.
//!
//! Invariant: every rule has its words here; a new rule does not compile without them.

use kairos::arn::services::Unsupported;
use kairos::error::{CronField, Expected, Field, Rule};
use kairos::instant::rfc3339_millis;

/// What a rule asks for.
pub(crate) fn rule(rule: &Rule) -> String {
    match rule {
        Rule::Empty => "es obligatorio y no puede estar vacío".into(),
        Rule::NotAnExpression => {
            "debe ser cron(minutos horas día-del-mes mes día-de-la-semana año), rate(valor unidad) \
                                  o at(aaaa-mm-ddThh:mm:ss)"
                .into()
        }
        Rule::Parenthesis => "debe terminar con el paréntesis que lo cierra, y solo con ese".into(),
        Rule::FieldCount { found } => {
            let hint = match found {
                5 => "; a diferencia de Unix, el último es el año (* para todos)",
                _ => "",
            };
            format!(
                "debe tener seis campos (minutos horas día-del-mes mes día-de-la-semana año), y tiene {found}{hint}"
            )
        }
        Rule::Incomplete { part } => format!("{}: aquí falta un valor: debe ser {}", cron(*part), accepted(*part)),
        Rule::NotAValue { part } => format!("{} debe ser {}", cron(*part), accepted(*part)),
        Rule::OutOfRange { part, min, max } => format!("{} debe estar entre {min} y {max}", cron(*part)),
        Rule::BackwardsRange { part } => {
            format!(
                "{}: un rango no puede terminar antes de empezar: escriba primero el menor",
                cron(*part)
            )
        }
        Rule::Step { part, max } => format!("{}: un paso debe estar entre 1 y {max}", cron(*part)),
        Rule::Wildcard { part, wildcard } => {
            format!(
                "{} no admite \"{wildcard}\" aquí: debe ser {}, o solo *",
                cron(*part),
                accepted(*part)
            )
        }
        Rule::NotAlone { part, wildcard } => {
            format!(
                "{}: \"{wildcard}\" no se puede combinar con otros valores: debe estar solo en su campo",
                cron(*part)
            )
        }
        Rule::Nth { part } => format!("{}: el número después de # debe estar entre 1 y 5", cron(*part)),
        Rule::BothDays => "día del mes y día de la semana no se pueden dar a la vez: uno de los dos debe ser ?".into(),
        Rule::NoDay => "día del mes y día de la semana no pueden ser ambos ?: escriba * para todos los días".into(),
        Rule::NeverOccurs => "no ocurre nunca: ninguna fecha de los años dados cumple con día, mes y año".into(),
        Rule::ExpressionTooLong { part, found, max } => {
            format!(
                "es demasiado larga: desarrollada tiene {found} caracteres, y el planificador admite {max}; la mayoría \
                 son de {}",
                cron(*part)
            )
        }
        Rule::RateSyntax => "debe ser rate(valor unidad), por ejemplo rate(5 minutes)".into(),
        Rule::RateValue { max } => format!("el número de rate debe estar entre 1 y {max}"),
        Rule::RateUnit => "la unidad de rate debe ser minute, minutes, hour, hours, day o days".into(),
        Rule::RatePlural { expected } => format!("la unidad debe concordar con el número: escriba {expected}"),
        Rule::AtSyntax => "debe ser at(aaaa-mm-ddThh:mm:ss), sin desfase: la zona horaria se indica aparte".into(),
        Rule::AtSeconds => "los segundos deben estar entre 0 y 59".into(),
        Rule::SkippedInZone { zone } => {
            format!("no ocurre nunca en {zone}: allí los relojes se saltan esa hora siempre que llegaría")
        }
        Rule::AtPast { at, now } => {
            format!(
                "ya pasó: era {}, y ahora es {}",
                rfc3339_millis(*at),
                rfc3339_millis(*now)
            )
        }
        Rule::Over { now } => format!(
            "no volverá a ocurrir: su última vez fue antes de {}",
            rfc3339_millis(*now)
        ),
        Rule::UnknownZone { suggestion } => {
            let hint = suggestion
                .as_deref()
                .map(|name| format!("; ¿quiso decir {name}?"))
                .unwrap_or_default();
            format!("no es una zona horaria de la base IANA, como America/Santiago o UTC{hint}")
        }
        Rule::Between { min, max } => format!("debe estar entre {min} y {max}"),
        Rule::NotAnInstant => {
            "debe ser una fecha y hora con desfase (RFC 3339), por ejemplo 2026-03-01T00:00:00Z".into()
        }
        Rule::EndBeforeStart { start } => format!("debe ser posterior al inicio ({})", rfc3339_millis(*start)),
        Rule::EndsTooSoon { next, now } => format!(
            "no deja ninguna ejecución: la próxima sería {}, y ahora es {}",
            rfc3339_millis(*next),
            rfc3339_millis(*now)
        ),
        Rule::TooLong { found, max } => format!("debe tener a lo más {max} caracteres, y tiene {found}"),
        Rule::ControlCharacter => "no puede contener caracteres de control".into(),
        Rule::NameIsPermanent => "no se puede cambiar por otro nombre: registre un proceso nuevo".into(),
        Rule::MalformedArn { detail } => {
            format!(
                "no es un ARN (arn:partición:servicio:región:cuenta:recurso): {}",
                arn_detail(detail)
            )
        }
        Rule::NotARole { partition, account } => {
            format!("debe ser el ARN de un rol de IAM, por ejemplo arn:{partition}:iam::{account}:role/nombre")
        }
        Rule::OtherPartition { expected } => format!("debe estar en la partición de la instalación, \"{expected}\""),
        Rule::OtherAccount { expected } => format!("debe estar en la cuenta de la instalación, {expected}"),
        Rule::RolePrefix { prefix } => format!(
            "debe empezar con el prefijo de roles de la instalación, \"{prefix}\", después de role/: \
             el ejecutor no puede asumir otros"
        ),
        Rule::UnknownTarget => "no es un destino que un proceso pueda tener".into(),
        Rule::UnknownService { service, similar } => {
            format!(
                "nombra el servicio \"{service}\", que ninguna API de AWS tiene{}",
                meant(similar)
            )
        }
        Rule::UnsupportedService { service, reason } => {
            format!(
                "nombra el servicio \"{service}\", que no se puede invocar: {}",
                unsupported(*reason)
            )
        }
        Rule::UnknownAction {
            service,
            action,
            similar,
        } => format!(
            "nombra la acción \"{action}\", que \"{service}\" no tiene{}",
            meant(similar)
        ),
        Rule::UnsupportedAction { action, reason } => {
            format!(
                "nombra la acción \"{action}\", que no se puede invocar: {}",
                unsupported(*reason)
            )
        }
        Rule::ReadOnlyAction { action } => {
            format!("nombra la acción \"{action}\", que solo lee: los destinos universales cambian algo")
        }
        Rule::OwnResource => "pertenece a la propia instalación y no puede ser el destino de un proceso".into(),
        Rule::NotJson { detail } => format!("debe ser JSON para este destino{}", position(detail)),
        Rule::NotAnObject { example } => format!("debe ser un objeto JSON para este destino, por ejemplo {example}"),
        Rule::MissingMember {
            member,
            action,
            example,
        } => {
            format!("debe tener \"{member}\", que {action} requiere, por ejemplo {{\"{member}\":\"{example}\"}}")
        }
        Rule::UnknownMember {
            member,
            action,
            suggestion,
        } => {
            let hint = suggestion
                .map(|name| format!("; ¿quiso decir \"{name}\"?"))
                .unwrap_or_default();
            format!("tiene \"{member}\", que {action} no admite{hint}")
        }
        Rule::RepeatedMember { member } => {
            format!("tiene \"{member}\" dos veces, con mayúscula y con minúscula inicial")
        }
        Rule::ContradictsTarget { member, expected } => {
            let or = expected
                .as_deref()
                .map(|value| format!(", o escriba \"{value}\""))
                .unwrap_or_default();
            format!("contradice a {}: omita \"{member}\"{or}", Field::ArnProceso.json())
        }
        Rule::OutsideTarget { member, pattern } => {
            format!(
                "\"{member}\" debe ser como \"{pattern}\", según {}",
                Field::ArnProceso.json()
            )
        }
        Rule::MemberKind { member, expected } => format!("\"{member}\" debe ser {}", expected_kind(*expected)),
        Rule::MemberTooLong { member, found, max } => {
            format!("\"{member}\" debe tener a lo más {max} caracteres, y tiene {found}")
        }
        Rule::PayloadTooLarge { found, max } => {
            format!("puede tener hasta {max} bytes para este destino, con sus marcadores reemplazados, y tiene {found}")
        }
        Rule::NotOneOf { accepted } => format!("debe ser uno de estos: {accepted}"),
        Rule::OnlyForLambda => "es solo para destinos que son funciones Lambda".into(),
        Rule::OnlyForRequestResponse => format!(
            "es solo para {} \"RequestResponse\": una invocación asíncrona no se espera",
            Field::ModoInvocacion.json()
        ),
        Rule::LongerThanExecutor {
            longest,
            timeout,
            needed,
        } => format!(
            "puede ser a lo más {longest}: el ejecutor de la instalación tiene {timeout} s, y se reserva el resto para anotar \
             lo que resultó; para esperar tanto, su executor.timeout debe ser de {needed} s o más"
        ),
    }
}

/// What a member of `parametros` must be.
fn expected_kind(expected: Expected) -> &'static str {
    match expected {
        Expected::Text => "un texto que no esté vacío",
        Expected::Texts => "una lista de textos",
        Expected::Object => "un objeto JSON, o un texto que lo sea",
        Expected::Instant => "una fecha y hora con desfase (RFC 3339), por ejemplo \"2026-03-01T00:00:00Z\"",
        Expected::Method => "DELETE, GET, HEAD, OPTIONS, PATCH, POST o PUT",
        Expected::Path => "una ruta como \"/clientes/42\"; lo que sigue a ? va en \"query\"",
        Expected::Headers => "un objeto de cabeceras con textos, por ejemplo {\"Accept\":\"application/json\"}",
        Expected::Query => "un objeto cuyos valores sean textos, números, valores de verdad o listas de estos",
        Expected::FreeHeader => "omitida: la ponen la firma y la conexión",
    }
}

/// The names that may have been meant.
fn meant(similar: &[String]) -> String {
    if similar.is_empty() {
        return String::new();
    }
    format!("; ¿quiso decir \"{}\"?", similar.join("\", \""))
}

fn unsupported(reason: Unsupported) -> &'static str {
    match reason {
        Unsupported::Protocol => "no habla JSON, y los destinos universales se invocan en JSON",
        Unsupported::Signature => "sus solicitudes se firman de otra manera",
        Unsupported::EventStream => "su solicitud o su respuesta es un flujo de eventos",
        Unsupported::Endpoint => "su dirección no se conoce de antemano",
        Unsupported::Checksum => "su solicitud necesita una suma de verificación propia",
    }
}

/// `kairos::arn` says what is wrong with an ARN in English words.
fn arn_detail(detail: &'static str) -> &'static str {
    match detail {
        "it must begin with \"arn:\"" => "debe empezar con \"arn:\"",
        "the partition must be aws, aws-cn or aws-us-gov" => "la partición debe ser aws, aws-cn o aws-us-gov",
        "the service must be a word of lower-case letters" => "el servicio debe ser una palabra en minúsculas",
        "the region must be like sa-east-1" => "la región debe ser como sa-east-1",
        "the account must have twelve digits" => "la cuenta debe tener doce dígitos",
        "the resource must not be empty nor contain spaces" => "el recurso no puede estar vacío ni contener espacios",
        other => other,
    }
}

/// Where the parser stopped, of what it says in English.
fn position(detail: &str) -> String {
    let place = detail
        .rsplit_once(" at line ")
        .and_then(|(_, place)| place.split_once(" column "));
    place
        .map(|(line, column)| format!("; deja de serlo en la línea {line}, columna {column}"))
        .unwrap_or_default()
}

fn cron(field: CronField) -> &'static str {
    match field {
        CronField::Minutes => "minutos",
        CronField::Hours => "horas",
        CronField::DayOfMonth => "día del mes",
        CronField::Month => "mes",
        CronField::DayOfWeek => "día de la semana",
        CronField::Year => "año",
    }
}

fn accepted(field: CronField) -> String {
    let numbers = format!("un número entre {} y {}", field.min(), field.max());
    match field {
        CronField::Month => format!("{numbers} o un nombre entre JAN y DEC"),
        CronField::DayOfWeek => format!("{numbers} (1 es domingo) o un nombre entre SUN y SAT"),
        _ => numbers,
    }
}

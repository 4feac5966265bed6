# Every attribute of a stack and of a process, each with a value that is not its default. What you leave out has the default
# that the comment tells; most stacks set four or five of these.

terraform {
  required_version = ">= 1.8"

  required_providers {
    kairos = {
      source = "kairos/kairos"
    }
  }
}

provider "kairos" {
  max_retries = 5

  default_tags = {
    producto = "kairos"
  }
}

resource "kairos_stack" "this" {
  name = var.name

  # Each owner confirms by a link; until then the subscription is "pending".
  notification_emails = ["guardia@example.com", "operaciones@example.com"]

  dispatcher = {
    memory_size          = 512     # 256
    timeout              = 600     # 900
    log_level            = "DEBUG" # "INFO"
    layers               = var.layers
    reserved_concurrency = 10 # none: the account's are shared
  }

  executor = {
    # Compared with everything after "role/", path included. The one attribute beside `name` that has no default.
    role_prefix = var.role_prefix

    memory_size          = 512    # 256
    timeout              = 300    # 120; an answer that is waited for must come within it
    log_level            = "WARN" # "INFO"
    layers               = var.layers
    reserved_concurrency = 50 # at least maximum_concurrency
    maximum_concurrency  = 40 # as many as Lambda lets
    batch_size           = 5  # 10

    # The trust policies of the processes' roles ask for it.
    external_id = var.external_id # none
  }

  # Without it there is no HTTP API, and nothing of it is created.
  api = {
    memory_size    = 512     # 256
    timeout        = 20      # 29, which is all that API Gateway waits
    log_level      = "ERROR" # "INFO"
    layers         = var.layers
    domain_name    = var.domain_name # none; it exists already, and is regional
    mapping_key    = var.mapping_key # the domain's root
    throttle_rate  = 50              # requests a second
    throttle_burst = 100
    quota_per_day  = 100000
  }

  log_retention_days     = 90    # 30
  history_retention_days = 365   # 90
  tracing                = false # true
  architecture           = "x86_64"
  kms_key_arn            = var.kms_key_arn # AWS's own keys

  # Another path replaces the stack: every schedule holds its role's ARN.
  role_path                = "/kairos/" # "/"
  permissions_boundary_arn = var.permissions_boundary_arn

  tags = {
    equipo = "plataforma"
  }

  deletion_protection = var.deletion_protection # true
  force_destroy       = true                    # false: refused while processes are registered

  timeouts = {
    create = "20m" # 30m each
    update = "20m"
    delete = "40m"
  }
}

# Waits for the function's answer and keeps it in the history.
resource "kairos_proceso" "cierre" {
  stack  = kairos_stack.this.name
  nombre = "Cierre diario"

  # In local time: where the clocks change, it fires once a day all the same.
  cron         = "cron(30 18 ? * MON-FRI *)"
  zona_horaria = "America/Santiago"

  # Somewhere in the quarter of an hour that follows, between these two instants.
  ventana_flexible_minutos = 15
  inicio                   = var.inicio
  fin                      = var.fin

  arn_rol     = var.arn_rol
  arn_proceso = var.arn_funcion

  # What stands in <…> is put in when it runs.
  parametros = jsonencode({
    ejecucion  = "<kairos.id-ejecucion>"
    proceso    = "<kairos.id-proceso>"
    programada = "<kairos.fecha-programada>"
    intento    = "<kairos.intento>"
  })

  modo_invocacion        = "RequestResponse" # "Event": the function is started, and not waited for
  tiempo_maximo_segundos = 120
  reintentos             = 5     # 3
  habilitado             = false # true
}

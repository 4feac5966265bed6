variable "equipos" {
  description = "The teams, by the name that is the path of their roles."
  type = map(object({
    stack = string
    procesos = map(object({
      cron        = string
      arn_rol     = string
      arn_proceso = string
    }))
  }))

  validation {
    condition     = alltrue([for equipo in keys(var.equipos) : can(regex("^[a-z][a-z0-9-]{2,}$", equipo))])
    error_message = "A team's name is the path of its roles: at least three lower-case letters, digits and hyphens."
  }

  validation {
    condition     = length(distinct([for suyo in values(var.equipos) : lower(suyo.stack)])) == length(var.equipos)
    error_message = "Two stacks of one account and region must differ in more than case."
  }
}

variable "notification_emails" {
  description = "Who is told when something is wrong with any of them."
  type        = set(string)
  default     = []
}

variable "deletion_protection" {
  description = "Whether destroying a stack is refused."
  type        = bool
  default     = true
}

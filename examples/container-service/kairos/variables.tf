variable "name" {
  description = "The stack's name."
  type        = string
}

variable "notification_emails" {
  description = "Who is told when a run is given up."
  type        = set(string)
  default     = []
}

variable "zona_horaria" {
  description = "The time zone of both schedules."
  type        = string
  default     = "UTC"
}

variable "arn_cluster" {
  description = "The cluster of the task and of the service."
  type        = string
}

variable "informe" {
  description = "The task that is run: its definition's family, the container that is told of the run, the roles of the definition, and its network."
  type = object({
    cron            = string
    familia         = string
    contenedor      = string
    roles           = list(string)
    subnets         = list(string)
    security_groups = list(string)
    ip_publica      = bool
  })
}

variable "refresco" {
  description = "The service that is refreshed: its name and its ARN."
  type = object({
    cron         = string
    servicio     = string
    arn_servicio = string
  })
}

variable "arn_roles" {
  description = "The roles of the processes `informe` and `refresco`, made as the output `roles` says."
  type        = object({ informe = string, refresco = string })
}

variable "deletion_protection" {
  description = "Whether destroying the stack is refused."
  type        = bool
  default     = true
}

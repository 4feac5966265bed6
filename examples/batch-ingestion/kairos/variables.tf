variable "name" {
  description = "The stack's name: the prefix of everything that it makes."
  type        = string
  default     = "Kairos"
}

variable "role_prefix" {
  description = "What the names of the roles of processes begin with."
  type        = string
  default     = "proceso-"
}

variable "notification_emails" {
  description = "Who is told when a process fails."
  type        = set(string)
  default     = []
}

variable "api" {
  description = "Whether there is an HTTP API. The account needs API Gateway's logging role."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Whether destroying the stack is refused."
  type        = bool
  default     = true
}

variable "cron" {
  description = "When the job is submitted."
  type        = string
  default     = "cron(30 2 * * ? *)"
}

variable "zona_horaria" {
  description = "The time zone of `cron`."
  type        = string
  default     = "America/Santiago"
}

variable "arn_cola_trabajos" {
  description = "The job queue."
  type        = string
}

variable "definicion_trabajo" {
  description = "The job definition: its name (the newest revision is taken), name:revision, or ARN."
  type        = string
}

variable "origen" {
  description = "The bucket from which the job fetches files."
  type        = string
}

variable "bucket" {
  description = "The bucket into which it drops them, each run below entrada/ and its own id."
  type        = string
}

variable "rol" {
  description = "The role that may submit the job, and the id of the policy that lets it, where that is made in the same configuration."
  type = object({
    arn      = string
    politica = optional(string)
  })
}

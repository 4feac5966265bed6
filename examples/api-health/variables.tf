variable "region" {
  description = "Where everything lives."
  type        = string
}

variable "name" {
  description = "The stack's name, and in lower case the API's. The stack is for health checks alone: its metrics count all its processes together."
  type        = string
  default     = "Salud"
}

variable "guardia_emails" {
  description = "Who is told when the API fails, and when it answers again."
  type        = set(string)
  default     = []
}

variable "notification_emails" {
  description = "Who is told when something is wrong with the stack itself."
  type        = set(string)
  default     = []
}

variable "cron" {
  description = "How often the API is called. The alarm looks at ten minutes, so call it at least that often."
  type        = string
  default     = "rate(5 minutes)"
}

variable "reintentos" {
  description = "How often a call that failed in passing (408, 425, 429, 5xx, no answer) is repeated before it counts as a failure: after 30 s, 60 s and so on."
  type        = number
  default     = 2
}

variable "respuesta" {
  description = "What the sample API answers: 503 shows the alarm."
  type        = number
  default     = 200

  validation {
    condition     = contains([200, 503], var.respuesta)
    error_message = "The sample API answers 200 or 503."
  }
}

variable "deletion_protection" {
  description = "Whether destroying the stack is refused."
  type        = bool
  default     = true
}

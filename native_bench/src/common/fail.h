/* The one way out of a program that cannot go on. */
#pragma once

/* Print "program: message" to stderr and exit with 1. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, with the text of errno at the end. */
_Noreturn void die_errno(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Exit with 2: the command line is wrong. */
_Noreturn void die_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

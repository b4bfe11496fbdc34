"""Tests: unit/ mirrors s3lo/, integration/ runs against real servers, e2e/ the installed command."""

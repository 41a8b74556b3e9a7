stock-report "$@"

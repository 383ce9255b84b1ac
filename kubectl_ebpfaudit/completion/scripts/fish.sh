# Completion of kubectl-ebpfaudit for fish.
function __kubectl_ebpfaudit
    set -l words (commandline -opc)[2..-1] (commandline -ct)
    set -l lines (kubectl-ebpfaudit __complete $words 2>/dev/null)
    set -l directive (string replace -r '^:' '' -- $lines[-1])
    set -l prefix (string match -r '^--[a-z-]+=' -- (commandline -ct))
    set -q prefix[1]; or set prefix '' # beside an empty list fish prints nothing
    if test (count $lines) -gt 1
        for line in $lines[1..-2]
            echo -- $prefix$line
        end
    else if test "$directive" = 0
        __fish_complete_path (commandline -ct)
    end
end
complete -c kubectl-ebpfaudit -f -a '(__kubectl_ebpfaudit)'

#compdef kubectl-ebpfaudit
# Completion of kubectl-ebpfaudit for zsh.
_kubectl_ebpfaudit() {
    local line directive=0
    local -a candidates prefix space
    while IFS= read -r line; do
        if [[ $line == :* ]]; then
            directive=${line#:}
        else
            # _describe takes what follows a colon for the explanation.
            candidates+=("${${line//:/\\:}/$'\t'/:}")
        fi
    done < <(kubectl-ebpfaudit __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
    [[ ${words[CURRENT]} == -*=* ]] && compset -P '*='
    ((directive & 2)) && space=(-S '')
    if ((${#candidates})); then
        _describe -V kubectl-ebpfaudit candidates $space
    elif ((!(directive & 4))); then
        _files
    fi
}
if [[ $funcstack[1] == _kubectl_ebpfaudit ]]; then
    _kubectl_ebpfaudit "$@"
else
    (($+functions[compdef])) || { autoload -U compinit && compinit; }
    compdef _kubectl_ebpfaudit kubectl-ebpfaudit
fi

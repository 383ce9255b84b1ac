# Completion of kubectl-ebpfaudit for bash. Works without the package bash-completion.
_kubectl_ebpfaudit() {
    local word=${COMP_WORDS[COMP_CWORD]} line directive=0 words=() candidates=()
    # bash takes --name=value apart; put it together again.
    local part joined=
    for part in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
        if [[ $part == = && ${#words[@]} -gt 0 ]]; then
            words[${#words[@]} - 1]+="="
            joined=1
        elif [[ $joined ]]; then
            words[${#words[@]} - 1]+="$part"
            joined=
        else
            words+=("$part")
        fi
    done
    [[ $word == = ]] && word=
    while IFS= read -r line; do
        if [[ $line == :* ]]; then
            directive=${line#:}
        elif [[ ${line%%$'\t'*} == "$word"* ]]; then
            candidates+=("${line%%$'\t'*}")
        fi
    done < <(kubectl-ebpfaudit __complete "${words[@]}" 2>/dev/null)
    COMPREPLY=("${candidates[@]}")
    if ((directive & 2)); then compopt -o nospace; fi
    if ((!(directive & 4) && ${#candidates[@]} == 0)); then compopt -o default; fi
}
complete -F _kubectl_ebpfaudit kubectl-ebpfaudit

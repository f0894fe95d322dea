# bash completion for orch, made by "orch completion bash".
_orch() {
  local answer directive entry value about width=0 i
  local -a values=() abouts=()
  COMPREPLY=()
  mapfile -t answer < <(orch __complete --bash -- "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null)
  (( ${#answer[@]} > 0 )) || return 0
  directive=${answer[-1]}
  unset 'answer[-1]'
  case $directive in
    :files) compopt -o bashdefault -o default; return 0 ;;
    :folders) compopt -o dirnames; return 0 ;;
    :command*) mapfile -t COMPREPLY < <(compgen -c -- "$2"); compopt -o default; return 0 ;;
    :nospace) compopt -o nospace ;;
  esac
  for entry in "${answer[@]}"; do
    value=${entry%%$'\t'*}
    about=
    [[ $entry == *$'\t'* ]] && about=${entry#*$'\t'}
    values+=("$value")
    abouts+=("$about")
    (( ${#value} > width )) && width=${#value}
  done
  compopt -o nosort 2>/dev/null
  # What the words are is shown in lists only: 37 and 42 insert what they are given.
  if (( ${#values[@]} < 2 || COMP_TYPE == 37 || COMP_TYPE == 42 )); then
    COMPREPLY=("${values[@]}")
    return 0
  fi
  for i in "${!values[@]}"; do
    printf -v entry '%-*s  %s' "$width" "${values[i]}" "${abouts[i]:+(${abouts[i]})}"
    entry=${entry:0:${COLUMNS:-80} - 1}
    COMPREPLY+=("${entry%"${entry##*[! ]}"}")
  done
}
complete -F _orch orch

# fish completion for orch, made by "orch completion fish".
function __orch_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    # A quote that is still open is no part of the word.
    set -l text (string unescape -- $current 2>/dev/null)
    or set text (string replace -r '^["\']' '' -- $current)
    set -l answer (orch __complete -- $words[2..-1] "$text" 2>/dev/null)
    set -l directive $answer[-1]
    set -e answer[-1]
    switch "$directive"
        case :files :folders
            set -l head (string match -r -- '^--[^=]*=' $text)
            set -l tail (string replace -r -- '^--[^=]*=' '' $text)
            if test $directive = :folders
                __fish_complete_directories "$tail" '' | string replace -r -- '^' "$head"
            else
                __fish_complete_path "$tail" | string replace -r -- '^' "$head"
            end
        case ':command *'
            set -l from (math (string replace ':command ' '' $directive) + 2)
            set -l inner
            test $from -le (count $words); and set inner (string escape -- $words[$from..-1])
            complete -C (string join ' ' -- $inner $current)
        case '*'
            printf '%s\n' $answer
    end
end
complete -c orch -f -k -a '(__orch_complete)'

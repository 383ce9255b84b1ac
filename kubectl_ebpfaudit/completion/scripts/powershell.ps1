# Completion of kubectl-ebpfaudit for PowerShell.
Register-ArgumentCompleter -Native -CommandName kubectl-ebpfaudit -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.StartOffset -lt $cursorPosition } | ForEach-Object { "$_" })
    # Before 7.3 an empty argument of a program has to be written with quotes, or it is not there.
    $isOld = $PSVersionTable.PSVersion -lt [version]'7.3' -or $PSNativeCommandArgumentPassing -eq 'Legacy'
    if ($wordToComplete -eq '') { $words += if ($isOld) { '""' } else { '' } }
    $prefix = if ($wordToComplete -match '^(--[a-z-]+=)') { $Matches[1] } else { '' }
    kubectl-ebpfaudit __complete @words 2>$null | Where-Object { $_ -notmatch '^:' } | ForEach-Object {
        $name, $text = $_ -split "`t", 2
        if (-not $text) { $text = $name }
        [System.Management.Automation.CompletionResult]::new("$prefix$name", $name, 'ParameterValue', $text)
    }
}
